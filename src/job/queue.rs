//! The intrusive queue that jobs wait in: many submitters push without a lock, workers pop under one. See
//! `README.md`, "The queue".

use super::cell::{Link, prefetch_cell};
use super::task::Task;
use crate::os::prefetch::prefetch_to_write;
use crate::sync::{AtomicPtr, AtomicUsize, Mutex, Ordering, lock, yield_now};
use crossbeam_utils::CachePadded;
use std::ops::{Deref, DerefMut};
use std::ptr::{NonNull, null_mut};

/// Below this many dead entries a sweep is not worth its lock.
const SWEEP_FROM: usize = 64;

/// First in, first out; unbounded; never allocates.
///
/// `C` counts the pushes, and holds what a submitter looks at right after its push: on the line that the push has just written, so that
/// looking costs no transfer between processors.
#[repr(C)]
pub(crate) struct Queue<C, P: Spacing = Apart> {
    pub(super) entrance: P::Part<Entrance<C>>,
    exit: P::Part<Exit>,
}

/// How many entries were ever pushed, modulo `MASK + 1`.
pub(crate) trait Count {
    /// What a submitter learns as it counts.
    type Seen;
    const MASK: usize;

    /// Counts so many entries that are about to come.
    // SeqCst: the first half of the submitter's "push, then look at the sign"; see `group/README.md`.
    fn add(&self, entries: usize) -> Self::Seen;

    /// Takes one back that was counted and is not to come.
    fn withdraw(&self);

    /// How many.
    // SeqCst: the second half of a worker's "change the sign, then look at the queue".
    fn count(&self) -> usize;
}

/// A count with a sign beside it.
pub(crate) struct Beside<S> {
    pushed: AtomicUsize,
    sign: S,
}

impl<S> Beside<S> {
    pub(crate) fn new(sign: S) -> Self {
        Self { pushed: AtomicUsize::new(0), sign }
    }

    /// What submitters look at after a push.
    #[inline]
    pub(crate) fn sign(&self) -> &S {
        &self.sign
    }
}

impl<S> Count for Beside<S> {
    type Seen = ();
    const MASK: usize = usize::MAX;

    #[inline]
    fn add(&self, entries: usize) {
        self.pushed.fetch_add(entries, Ordering::SeqCst);
    }

    fn withdraw(&self) {
        self.pushed.fetch_sub(1, Ordering::SeqCst);
    }

    #[inline]
    fn count(&self) -> usize {
        self.pushed.load(Ordering::SeqCst)
    }
}

/// How far from each other what submitters and what workers write lies: memory for speed.
pub(crate) trait Spacing {
    type Part<T>: Deref<Target = T> + DerefMut + From<T>;
}

/// Two cache lines each, as processors may fetch lines in pairs.
pub(crate) struct Apart;

/// One cache line each, for those who have queues by the thousand.
pub(crate) struct Close;

#[repr(align(64))]
pub(crate) struct Line<T>(pub(super) T);

impl Spacing for Apart {
    type Part<T> = CachePadded<T>;
}

impl Spacing for Close {
    type Part<T> = Line<T>;
}

impl<T> From<T> for Line<T> {
    fn from(part: T) -> Self {
        Self(part)
    }
}

impl<T> Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Line<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// What submitters write.
#[repr(C)]
pub(crate) struct Entrance<C> {
    pub(super) count: C,
    /// The newest entry. Null: the list is empty.
    newest: AtomicPtr<Link>,
    /// The entry that was pushed onto the empty list, once it is linked. Null again before the list is empty again.
    first: AtomicPtr<Link>,
}

/// What workers write; and cancellers, who are few.
pub(crate) struct Exit {
    /// The oldest entry, if it is known here. Null: it is the entrance's `first`.
    oldest: Mutex<Oldest>,
    popped: AtomicUsize,
    /// Entries whose jobs left by their handles' hands. A worker may meet an entry before its canceller has counted it,
    /// so the number can be short of zero for a moment.
    dead: AtomicUsize,
}

struct Oldest(*mut Link);

// SAFETY: the pointer is used only under the mutex that it is kept in.
unsafe impl Send for Oldest {}
// SAFETY: a link is written by its pusher until its `next` is set, then by the holder of the exit's lock; the cells
// themselves are `Send` (see `Task`).
unsafe impl<C: Send, P: Spacing> Send for Queue<C, P> {}
// SAFETY: as above; the count is shared as it is.
unsafe impl<C: Sync, P: Spacing> Sync for Queue<C, P> {}

/// What [`Queue::pop`] found.
pub(crate) enum Popped {
    /// The oldest entry, and whether another one is known to stand behind it.
    Task(Task, bool),
    /// There is an entry, but its pusher has not linked it yet.
    Busy,
    /// Nothing.
    Empty,
}

/// How a walk over the entries ended.
enum Walked {
    Stopped,
    /// There is another one, which its pusher has not linked yet.
    Gap,
    End,
}

/// Jobs linked together before they are queued. Dropped unqueued, it cancels them.
pub(crate) struct Batch {
    ends: Option<(NonNull<Link>, NonNull<Link>)>,
    len: usize,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { ends: None, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, task: Task) {
        let link = task.into_link();
        self.ends = Some(match self.ends {
            None => (link, link),
            Some((first, last)) => {
                // SAFETY: a link of this batch is live and this batch's alone.
                // Relaxed: published as a whole by the queue's push.
                unsafe { last.as_ref() }.next.store(link.as_ptr(), Ordering::Relaxed);
                (first, link)
            }
        });
        self.len += 1;
    }
}

impl From<Task> for Batch {
    fn from(task: Task) -> Self {
        let link = task.into_link();
        Self { ends: Some((link, link)), len: 1 }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let mut next = self.ends.map_or(null_mut(), |(first, _)| first.as_ptr());
        while let Some(link) = NonNull::new(next) {
            // SAFETY: an unqueued link is live and this batch's alone; it is turned back once.
            unsafe {
                next = link.as_ref().next.load(Ordering::Relaxed);
                drop(Task::from_link(link));
            }
        }
    }
}

impl<C: Count, P: Spacing> Queue<C, P> {
    pub(crate) fn new(count: C) -> Self {
        let entrance =
            Entrance { count, newest: AtomicPtr::new(null_mut()), first: AtomicPtr::new(null_mut()) };
        let exit = Exit {
            oldest: Mutex::new(Oldest(null_mut())),
            popped: AtomicUsize::new(0),
            dead: AtomicUsize::new(0),
        };
        Self { entrance: entrance.into(), exit: exit.into() }
    }

    /// What counts the pushes.
    #[inline]
    pub(crate) fn counter(&self) -> &C {
        &self.entrance.count
    }

    /// Appends all jobs of the batch with one step. Never waits.
    #[inline]
    pub(crate) fn push(&self, mut batch: Batch) {
        let Some((first, last)) = batch.ends.take() else { return };
        // Counted before it is there, so that an entry in the queue is never unknown to `len`.
        self.counter().add(batch.len);
        self.link(first, last);
    }

    /// The first half of a push: counts a job that is about to come. Until it is pushed, or withdrawn, the queue has a gap, and whoever
    /// looks at it waits for that.
    #[inline]
    pub(crate) fn announce(&self) -> C::Seen {
        self.counter().add(1)
    }

    /// Takes an announcement back.
    pub(crate) fn withdraw(&self) {
        self.counter().withdraw();
    }

    /// The second half of a push.
    #[inline]
    pub(crate) fn push_announced(&self, task: Task) {
        let link = task.into_link();
        self.link(link, link);
    }

    /// Takes the oldest entry.
    pub(crate) fn pop(&self) -> Popped {
        let mut oldest = lock(&self.exit.oldest);
        let popped = self.pop_locked(&mut oldest);
        if let Popped::Task(..) = popped {
            // No read-modify-write: written only under the lock. Release: pairs with the acquire in `len`.
            let count = self.exit.popped.load(Ordering::Relaxed);
            self.exit.popped.store(count.wrapping_add(1), Ordering::Release);
        }
        popped
    }

    /// How many entries there are, dead ones included; one being pushed may count already.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // In this order: an entry popped in between makes the answer too large, never too small. Acquire: keeps the order,
        // and whoever popped an entry has seen it counted.
        let popped = self.exit.popped.load(Ordering::Acquire);
        self.counter().count().wrapping_sub(popped) & C::MASK
    }

    /// How many jobs wait: the entries that are not dead.
    pub(crate) fn live(&self) -> usize {
        self.len().saturating_sub(self.dead())
    }

    /// How many jobs were ever pushed.
    pub(crate) fn pushed(&self) -> usize {
        self.counter().count()
    }

    /// Fetches what the next pop will read and write.
    #[inline]
    pub(super) fn prefetch_pop(&self) {
        prefetch_to_write(&raw const self.exit);
        // Relaxed: a hint.
        prefetch_cell(self.entrance.first.load(Ordering::Relaxed));
    }

    /// How many entries were ever taken out.
    pub(crate) fn popped(&self) -> usize {
        self.exit.popped.load(Ordering::Relaxed)
    }

    fn dead(&self) -> usize {
        let dead = self.exit.dead.load(Ordering::Relaxed);
        if dead > usize::MAX / 2 { 0 } else { dead }
    }

    /// Counts an entry that died, and sweeps if the dead outnumber the living.
    pub(crate) fn add_dead(&self) {
        self.exit.dead.fetch_add(1, Ordering::Relaxed);
        let dead = self.dead();
        if dead >= SWEEP_FROM && dead > self.len() / 2 {
            self.sweep();
        }
    }

    /// Counts a dead entry that was popped.
    pub(crate) fn dead_popped(&self) {
        self.exit.dead.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many entries are turns that would arrive in vain, up to the first that is neither one nor dead. Waits for pushers that are half-way.
    pub(crate) fn stale(&self) -> usize {
        loop {
            let mut stale = 0;
            let walked = self.walk(|entry| {
                // SAFETY: a task's link, in the list.
                let is_stale = unsafe { Task::is_stale(entry) };
                stale += usize::from(is_stale);
                // SAFETY: as above.
                is_stale || unsafe { Task::is_dead(entry) }
            });
            match walked {
                Walked::Stopped | Walked::End => return stale,
                Walked::Gap => yield_now(),
            }
        }
    }

    /// Whether no job waits, nor is one about to come.
    pub(super) fn has_only_dead(&self) -> bool {
        // SAFETY: a task's link, in the list.
        matches!(self.walk(|entry| unsafe { Task::is_dead(entry) }), Walked::End)
    }

    /// Looks at the entries, oldest first, until it is told to stop.
    fn walk(&self, mut goes_on: impl FnMut(NonNull<Link>) -> bool) -> Walked {
        let mut oldest = lock(&self.exit.oldest);
        let mut seen = 0;
        let mut link = self.oldest(&mut oldest).map_or(null_mut(), NonNull::as_ptr);
        while let Some(entry) = NonNull::new(link) {
            if !goes_on(entry) {
                return Walked::Stopped;
            }
            seen += 1;
            link = next_of(link);
        }
        // Under the lock nobody pops.
        if self.len() <= seen { Walked::End } else { Walked::Gap }
    }

    /// Unlinks the dead entries. Costs a walk over all of them; called so seldom that it is O(1) per cancelled job.
    pub(super) fn sweep(&self) {
        let mut oldest = lock(&self.exit.oldest);
        let Some(first) = self.oldest(&mut oldest) else { return };
        let mut dead = Vec::new();
        let mut last_kept: *mut Link = null_mut();
        let mut link = first.as_ptr();
        loop {
            let next = next_of(link);
            if next.is_null() {
                // The last entry is its successor's pusher's, if there is one, and stays.
                break;
            }
            // SAFETY: a task's link, in the list.
            if unsafe { Task::is_dead(NonNull::new_unchecked(link)) } {
                match NonNull::new(last_kept) {
                    None => oldest.0 = next,
                    // SAFETY: in the list, so live. With its `next` set, nobody writes it but the holder of the lock.
                    // Relaxed: read under the lock.
                    Some(kept) => unsafe { kept.as_ref() }.next.store(next, Ordering::Relaxed),
                }
                // SAFETY: a task's link, out of the list now.
                dead.push(unsafe { Task::from_link(NonNull::new_unchecked(link)) });
            } else {
                last_kept = link;
            }
            link = next;
        }
        let popped = self.exit.popped.load(Ordering::Relaxed);
        // First the dead: in between `live` is too large rather than too small.
        self.exit.dead.fetch_sub(dead.len(), Ordering::Relaxed);
        self.exit.popped.store(popped.wrapping_add(dead.len()), Ordering::Release);
        drop(oldest);
        // Lets go of their cells, outside the lock.
        drop(dead);
    }
}

/// The list, uncounted.
impl<C, P: Spacing> Queue<C, P> {
    #[inline]
    fn link(&self, first: NonNull<Link>, last: NonNull<Link>) {
        // SAFETY: both are live, and this caller's alone until the store below.
        unsafe { last.as_ref() }.next.store(null_mut(), Ordering::Relaxed);
        // Release: whoever pops `last` by way of `newest` sees its null. Acquire: pairs with that release of the
        // pusher before, whose entry is written to below; or with that of the pop which left the list empty, and `first` null.
        let before = self.entrance.newest.swap(last.as_ptr(), Ordering::AcqRel);
        let place = if before.is_null() {
            &self.entrance.first
        } else {
            // SAFETY: an entry is not popped before its `next` is set, and only this caller sets it: `before` is live.
            unsafe { &(*before).next }
        };
        // Release: publishes the new entries' cells; pairs with the acquire in `pop`.
        place.store(first.as_ptr(), Ordering::Release);
    }

    fn pop_locked(&self, oldest: &mut Oldest) -> Popped {
        let Some(first) = self.oldest(oldest) else {
            // Acquire: as in `link`.
            let newest = self.entrance.newest.load(Ordering::Acquire);
            return if newest.is_null() { Popped::Empty } else { Popped::Busy };
        };
        let next = next_of(first.as_ptr());
        if next.is_null() {
            // The last entry may be taken only if none is on its way to stand behind it. `first` has had its use; and the next pusher may
            // write it as soon as the list is empty.
            self.entrance.first.store(null_mut(), Ordering::Relaxed);
            // Release: pairs with the acquire of the next push. Acquire: as in `link`.
            let (newest, order) = (&self.entrance.newest, Ordering::AcqRel);
            if newest.compare_exchange(first.as_ptr(), null_mut(), order, Ordering::Relaxed).is_err() {
                return Popped::Busy;
            }
        }
        oldest.0 = next;
        // SAFETY: it came from `Task::into_link`, and it is out of the list now.
        Popped::Task(unsafe { Task::from_link(first) }, !next.is_null())
    }

    /// The oldest entry, if it is linked.
    fn oldest(&self, oldest: &mut Oldest) -> Option<NonNull<Link>> {
        if oldest.0.is_null() {
            // Acquire: pairs with the release in `link`.
            oldest.0 = self.entrance.first.load(Ordering::Acquire);
            if !oldest.0.is_null() {
                prefetch_cell(oldest.0);
            }
        }
        NonNull::new(oldest.0)
    }
}

/// The entry after a link that is in the list; to be called by the holder of the exit's lock.
fn next_of(link: *mut Link) -> *mut Link {
    // SAFETY: only the holder of the lock takes entries out, so every entry from `oldest` on is live.
    // Acquire: pairs with the release in `Queue::link`.
    unsafe { (*link).next.load(Ordering::Acquire) }
}

impl<C, P: Spacing> Drop for Queue<C, P> {
    fn drop(&mut self) {
        #[cfg(aside_loom)]
        {
            // Loom does not see that the last reference, a `std` one, comes after all others.
            drop(lock(&self.exit.oldest));
            self.entrance.newest.load(Ordering::Acquire);
        }
        // Without the lock, which in a forked child may be held by a thread that is gone.
        let oldest = self.exit.oldest.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut oldest = Oldest(oldest.0);
        while let Popped::Task(task, _) = self.pop_locked(&mut oldest) {
            drop(task);
        }
    }
}
