//! The intrusive queue that jobs wait in: many submitters push without a lock, workers pop under one. See
//! `README.md`, "The queue".

use super::cell::{Link, prefetch_to_write};
use super::task::Task;
use crate::sync::{AtomicPtr, AtomicUsize, Mutex, Ordering, lock};
use crossbeam_utils::CachePadded;
use std::ops::{Deref, DerefMut};
use std::ptr::{NonNull, null_mut};

/// Below this many dead entries a sweep is not worth its lock.
const SWEEP_FROM: usize = 64;

/// First in, first out; unbounded; never allocates.
///
/// `S` is what a submitter looks at right after its push. It stands on the line that the push has just written, so that
/// looking costs no transfer between processors.
pub(crate) struct Queue<S, P: Spacing = Apart> {
    /// On the heap by a raw pointer, as the list's pointers lead into it.
    entrance: NonNull<P::Part<Entrance<S>>>,
    exit: P::Part<Exit>,
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
pub(crate) struct Line<T>(T);

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
pub(crate) struct Entrance<S> {
    /// The newest entry.
    newest: AtomicPtr<Link>,
    pushed: AtomicUsize,
    /// Keeps the list from ever being empty. Not a cell: never handed out.
    stub: Link,
    sign: S,
}

/// What workers write; and cancellers, who are few.
pub(crate) struct Exit {
    /// The oldest entry, or the stub before it.
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
unsafe impl<S: Send, P: Spacing> Send for Queue<S, P> {}
// SAFETY: as above; the sign is shared as it is.
unsafe impl<S: Sync, P: Spacing> Sync for Queue<S, P> {}

/// What [`Queue::pop`] found.
pub(crate) enum Popped {
    /// The oldest entry, and whether another one is known to stand behind it.
    Task(Task, bool),
    /// There is an entry, but its pusher has not linked it yet.
    Busy,
    /// Nothing.
    Empty,
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

impl<S, P: Spacing> Queue<S, P> {
    pub(crate) fn new(sign: S) -> Self {
        let entrance = Entrance {
            newest: AtomicPtr::new(null_mut()),
            pushed: AtomicUsize::new(0),
            stub: Link::new(),
            sign,
        };
        let exit = Exit {
            oldest: Mutex::new(Oldest(null_mut())),
            popped: AtomicUsize::new(0),
            dead: AtomicUsize::new(0),
        };
        let queue =
            Self { entrance: NonNull::from(Box::leak(Box::new(P::Part::from(entrance)))), exit: exit.into() };
        // Relaxed: not shared yet.
        queue.entrance().newest.store(queue.stub().as_ptr(), Ordering::Relaxed);
        lock(&queue.exit.oldest).0 = queue.stub().as_ptr();
        queue
    }

    #[inline]
    fn entrance(&self) -> &Entrance<S> {
        // SAFETY: made in `new`, freed in `drop`, and only ever shared.
        unsafe { self.entrance.as_ref() }
    }

    #[inline]
    fn stub(&self) -> NonNull<Link> {
        NonNull::from(&self.entrance().stub)
    }

    /// What submitters look at after a push.
    #[inline]
    pub(crate) fn sign(&self) -> &S {
        &self.entrance().sign
    }

    /// Appends all jobs of the batch with one step. Never waits.
    #[inline]
    pub(crate) fn push(&self, mut batch: Batch) {
        let Some((first, last)) = batch.ends.take() else { return };
        // Counted before it is there, so that an entry in the queue is never unknown to `len`.
        // SeqCst: the first half of the submitter's "push, then look at the sign"; see `group/README.md`.
        self.entrance().pushed.fetch_add(batch.len, Ordering::SeqCst);
        self.link(first, last);
    }

    /// The first half of a push: counts a job that is about to come. Until it is pushed, or withdrawn, the queue has a gap, and whoever
    /// looks at it waits for that.
    pub(crate) fn announce(&self) {
        // SeqCst: as in `push`.
        self.entrance().pushed.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes an announcement back.
    pub(crate) fn withdraw(&self) {
        self.entrance().pushed.fetch_sub(1, Ordering::SeqCst);
    }

    /// The second half of a push.
    pub(crate) fn push_announced(&self, task: Task) {
        let link = task.into_link();
        self.link(link, link);
    }

    #[inline]
    fn link(&self, first: NonNull<Link>, last: NonNull<Link>) {
        // SAFETY: both are live, and this caller's alone until the store below.
        unsafe { last.as_ref() }.next.store(null_mut(), Ordering::Relaxed);
        // Release: whoever pops `last` by way of `newest` sees its null. Acquire: pairs with that release of the
        // pusher before, whose entry is written to below.
        let before = self.entrance().newest.swap(last.as_ptr(), Ordering::AcqRel);
        // SAFETY: an entry is not popped before its `next` is set, and only this caller sets it: `before` is live.
        // Release: publishes the new entries' cells; pairs with the acquire in `pop`.
        unsafe { (*before).next.store(first.as_ptr(), Ordering::Release) };
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

    fn pop_locked(&self, oldest: &mut Oldest) -> Popped {
        let stub = self.stub().as_ptr();
        let mut first = oldest.0;
        let mut next = next_of(first);
        if first == stub {
            if next.is_null() {
                // Acquire: as in `link`.
                let newest = self.entrance().newest.load(Ordering::Acquire);
                return if newest == stub { Popped::Empty } else { Popped::Busy };
            }
            oldest.0 = next;
            first = next;
            prefetch_to_write(first);
            next = next_of(first);
        }
        if next.is_null() {
            // The last entry may be taken only when another stands behind it: put the stub there.
            if self.entrance().newest.load(Ordering::Acquire) != first {
                return Popped::Busy;
            }
            self.link(self.stub(), self.stub());
            next = next_of(first);
            if next.is_null() {
                return Popped::Busy;
            }
        }
        oldest.0 = next;
        // SAFETY: `first` is not the stub, so it came from `Task::into_link`, and it is out of the list now.
        Popped::Task(unsafe { Task::from_link(NonNull::new_unchecked(first)) }, next != stub)
    }

    /// How many entries there are, dead ones included; one being pushed may count already.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // In this order: an entry popped in between makes the answer too large, never too small. Acquire: keeps the order,
        // and whoever popped an entry has seen it counted.
        let popped = self.exit.popped.load(Ordering::Acquire);
        // SeqCst: the second half of a worker's "change the sign, then look at the queue"; see `group/README.md`.
        self.entrance().pushed.load(Ordering::SeqCst).wrapping_sub(popped)
    }

    /// How many jobs wait: the entries that are not dead.
    pub(crate) fn live(&self) -> usize {
        self.len().saturating_sub(self.dead())
    }

    /// How many jobs were ever pushed.
    pub(crate) fn pushed(&self) -> usize {
        self.entrance().pushed.load(Ordering::Relaxed)
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

    /// Unlinks the dead entries. Costs a walk over all of them; called so seldom that it is O(1) per cancelled job.
    pub(super) fn sweep(&self) {
        let mut oldest = lock(&self.exit.oldest);
        let mut dead = Vec::new();
        let is_dead = |link: *mut Link| {
            // SAFETY: not the stub, so a task's link, in the list.
            link != self.stub().as_ptr() && unsafe { Task::is_dead(NonNull::new_unchecked(link)) }
        };
        let mut last_kept: *mut Link = null_mut();
        let mut link = oldest.0;
        loop {
            let next = next_of(link);
            if next.is_null() {
                // The last entry is its successor's pusher's, if there is one, and stays.
                break;
            }
            if is_dead(link) {
                match NonNull::new(last_kept) {
                    None => oldest.0 = next,
                    // SAFETY: in the list, so live. With its `next` set, nobody writes it but the holder of the lock.
                    // Relaxed: read under the lock.
                    Some(kept) => unsafe { kept.as_ref() }.next.store(next, Ordering::Relaxed),
                }
                // SAFETY: not the stub, and out of the list now.
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

/// The entry after a link that is in the list; to be called by the holder of the exit's lock.
fn next_of(link: *mut Link) -> *mut Link {
    // SAFETY: only the holder of the lock takes entries out, so every entry from `oldest` on is live.
    // Acquire: pairs with the release in `Queue::link`.
    unsafe { (*link).next.load(Ordering::Acquire) }
}

impl<S, P: Spacing> Drop for Queue<S, P> {
    fn drop(&mut self) {
        #[cfg(aside_loom)]
        {
            // Loom does not see that the last reference, a `std` one, comes after all others.
            drop(lock(&self.exit.oldest));
            self.entrance().newest.load(Ordering::Acquire);
        }
        // Without the lock, which in a forked child may be held by a thread that is gone.
        let oldest = self.exit.oldest.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut oldest = Oldest(oldest.0);
        while let Popped::Task(task, _) = self.pop_locked(&mut oldest) {
            drop(task);
        }
        // SAFETY: made by `Box::leak` in `new`; nothing leads into it any more but the empty list's own pointers.
        drop(unsafe { Box::from_raw(self.entrance.as_ptr()) });
    }
}
