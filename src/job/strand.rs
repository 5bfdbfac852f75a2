//! A queue of jobs that run one at a time, on whatever thread is free; and the word that says whose turn that is. The protocol is in
//! `lane/README.md`. Here is what of it the memory's safety hangs on: who holds the strand, and that its entry is queued once at a time.

use super::cell::{Header, Link};
use super::queue::{Close, Count, Queue};
use super::state::AtomicState;
use super::task::Task;
use crate::os::prefetch::prefetch_to_write;
use crate::sync::{AtomicUsize, Ordering};
use std::mem::offset_of;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

#[cfg(all(test, aside_loom))]
mod model;

/// Nobody runs the jobs, and nobody will come.
const IDLE: usize = 0;
/// Somebody is to come: with the turn on the host, or out of a wait.
const QUEUED: usize = 1;
/// A thread is at it: it has the [`Running`].
const RUNNING: usize = 2;
const PLACES: usize = QUEUED | RUNNING;
/// No more jobs are taken. Never cleared.
const CLOSED: usize = 4;
/// The entry is in the host's queue, or about to be. It may be stale: then somebody who waits for a job runs the
/// strand, or has run it. Set with `QUEUED`, and cleared when the turn arrives, used or not.
const TURN: usize = 8;
/// The word holds a reference to the strand. Set at the first call, and cleared by whoever leaves the strand closed and idle, without a
/// turn on its way. So who runs, and the entry, need no reference of their own.
const HELD: usize = 16;
/// The rest of the word is the count of pushes.
const PUSHED: usize = 32;

/// Jobs in order, and what they are about. Always in an `Arc`.
#[repr(C)]
pub(crate) struct Strand<X> {
    queue: Queue<Turn, Close>,
    body: X,
}

/// What a strand is for.
pub(crate) trait Strung: Send + Sync + Sized + 'static {
    /// The turn has arrived.
    fn run(running: Running<Self>);

    /// The turn was dropped: its host has ended. False if there was nothing to cancel.
    fn cancel(running: Running<Self>) -> bool;

    /// Whether this is a forked child's copy.
    fn is_orphaned(&self) -> bool;
}

/// What stands at the entrance of a strand's queue, on the line that its submitters write.
#[repr(C)]
pub(crate) struct Turn {
    entry: Entry,
    word: AtomicUsize,
}

/// A strand's place in its host's queue. Begins as a cell does.
#[repr(C)]
pub(super) struct Entry {
    link: Link,
    state: AtomicState,
    arrive: unsafe fn(NonNull<Entry>, bool) -> bool,
}

const _: () = assert!(offset_of!(Entry, link) == offset_of!(Header, link));
const _: () = assert!(offset_of!(Entry, state) == offset_of!(Header, state));
const _: () = assert!(offset_of!(Strand<()>, queue) == 0);
/// Where it is in the strand.
const ENTRY: usize = offset_of!(Queue<Turn, Close>, entrance.0.count.entry);

/// What one look at the word saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(usize);

impl Seen {
    #[inline]
    pub(crate) fn is_idle(self) -> bool {
        self.0 & PLACES == IDLE
    }

    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    #[inline]
    pub(crate) fn has_turn(self) -> bool {
        self.0 & TURN != 0
    }
}

impl Entry {
    /// Whether it would arrive in vain, as things stand: somebody else is at it, or no job waits there, nor is one about to come.
    ///
    /// # Safety
    ///
    /// The entry is that of a [`Call`] that became a task, and it has not arrived.
    pub(super) unsafe fn is_stale(this: NonNull<Entry>) -> bool {
        // SAFETY: the entry is in a strand's queue, which is live by the caller's word, and its pointer leads to the whole strand.
        let queue = unsafe { this.byte_sub(ENTRY).cast::<Queue<Turn, Close>>().as_ref() };
        queue.counter().word.load(Ordering::SeqCst) & PLACES == RUNNING || queue.has_only_dead()
    }

    /// False if it came in vain, or there was nothing to cancel.
    ///
    /// # Safety
    ///
    /// The entry is that of a [`Call`] that became a task, and this is the one call for it. The entry may be queued again at once.
    pub(super) unsafe fn arrive(this: NonNull<Entry>, used: bool) -> bool {
        // SAFETY: live, by the caller's word.
        let arrive = unsafe { this.as_ref() }.arrive;
        // SAFETY: passed on.
        unsafe { arrive(this, used) }
    }
}

// All steps are SeqCst: each is one half of a race of `lane/README.md`, and there are two of them for each turn, not for each job.

impl Turn {
    /// One step, if `next` allows it; the word before, and after.
    fn step(&self, mut next: impl FnMut(usize) -> Option<usize>) -> Option<(usize, usize)> {
        let mut after = 0;
        let step = |now| {
            after = settled(next(now)?);
            Some(after)
        };
        let before = self.word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step).ok()?;
        Some((before, after))
    }
}

/// Who runs, and who has a call, count on the word's reference. Models look whether it was there.
fn assert_held(before: usize) {
    if cfg!(any(aside_loom, debug_assertions)) {
        assert!(before & HELD != 0, "nobody held the strand");
    }
}

/// A word that holds no reference for longer than it has to.
fn settled(word: usize) -> usize {
    if word & (PLACES | TURN | CLOSED) == CLOSED { word & !HELD } else { word }
}

impl Count for Turn {
    type Seen = Seen;
    const MASK: usize = usize::MAX / PUSHED;

    #[inline]
    fn add(&self, entries: usize) -> Seen {
        Seen(self.word.fetch_add(entries.wrapping_mul(PUSHED), Ordering::SeqCst))
    }

    fn withdraw(&self) {
        self.word.fetch_sub(PUSHED, Ordering::SeqCst);
    }

    #[inline]
    fn count(&self) -> usize {
        self.word.load(Ordering::SeqCst) / PUSHED
    }
}

impl<X> Deref for Strand<X> {
    type Target = X;

    #[inline]
    fn deref(&self) -> &X {
        &self.body
    }
}

impl<X: Strung> Strand<X> {
    pub(crate) fn new(body: X) -> Self {
        let entry = Entry { link: Link::new(), state: AtomicState::standing(), arrive: Self::arrive };
        Self { queue: Queue::new(Turn { entry, word: AtomicUsize::new(IDLE) }), body }
    }

    #[inline]
    pub(crate) fn queue(&self) -> &Queue<Turn, Close> {
        &self.queue
    }

    #[inline]
    fn turn(&self) -> &Turn {
        self.queue.counter()
    }

    /// The place of whoever pushes is about to be written.
    #[inline]
    pub(crate) fn prefetch(&self) {
        prefetch_to_write(self.turn());
    }

    #[inline]
    pub(crate) fn look(&self) -> Seen {
        Seen(self.turn().word.load(Ordering::SeqCst))
    }

    fn pointer(self: &Arc<Self>) -> NonNull<Self> {
        // SAFETY: an `Arc`'s pointer is not null.
        unsafe { NonNull::new_unchecked(Arc::as_ptr(self).cast_mut()) }
    }

    /// `IDLE` → `to`, where the bits of `mask` are clear. Sees to it that the word holds a reference.
    fn begin(self: &Arc<Self>, mask: usize, to: usize) -> bool {
        let mut reference = None;
        let step = self.turn().step(|now| {
            if now & mask != 0 {
                return None;
            }
            if now & HELD == 0 {
                reference.get_or_insert_with(|| self.clone());
            }
            Some(now | to | HELD)
        });
        let Some((before, _)) = step else { return false };
        if before & HELD == 0 {
            // It is the word's from here on.
            std::mem::forget(reference);
        }
        true
    }

    /// `IDLE` → `QUEUED`, with no turn on its way: the caller is to queue one.
    pub(crate) fn call(self: &Arc<Self>) -> Option<Call<X>> {
        self.begin(PLACES | TURN, QUEUED | TURN).then(|| Call(self.pointer()))
    }

    /// `IDLE` → `QUEUED`, with a turn on its way already.
    pub(crate) fn call_turn_on_its_way(&self) -> bool {
        let step = |now| (now & (PLACES | TURN) == IDLE | TURN).then_some(now | QUEUED);
        self.turn().step(step).is_some()
    }

    /// `QUEUED` → `RUNNING`, ahead of the turn.
    pub(crate) fn take_up(self: &Arc<Self>) -> Option<Running<X>> {
        let step = |now| (now & PLACES == QUEUED).then_some(now & !PLACES | RUNNING);
        self.turn().step(step).map(|_| Running(self.pointer()))
    }

    /// `IDLE` → `RUNNING`, where no turn can come any more.
    pub(crate) fn seize(self: &Arc<Self>) -> Option<Running<X>> {
        self.begin(PLACES, RUNNING).then(|| Running(self.pointer()))
    }

    /// Takes no more jobs. True for the one who closes it.
    pub(crate) fn close(self: &Arc<Self>) -> bool {
        let Some((before, after)) = self.turn().step(|now| Some(now | CLOSED)) else { return false };
        // SAFETY: of a step just taken.
        unsafe { Self::release(self.pointer(), before, after) };
        before & CLOSED == 0
    }

    /// Lets go of the word's reference if a step took it away.
    ///
    /// # Safety
    ///
    /// The caller has just taken this step, and touches the strand afterwards only if it has a reference of its own.
    unsafe fn release(this: NonNull<Self>, before: usize, after: usize) {
        if before & !after & HELD != 0 {
            // SAFETY: the pointer is an `Arc`'s, and the reference that `begin` left is taken once: by who cleared `HELD`.
            drop(unsafe { Arc::from_raw(this.as_ptr().cast_const()) });
        }
    }

    unsafe fn arrive(entry: NonNull<Entry>, used: bool) -> bool {
        // SAFETY: made by `Call::into_task` from a pointer to the whole strand, which is live, as `TURN` is set.
        let this = unsafe { entry.byte_sub(ENTRY) }.cast::<Self>();
        // SAFETY: as above.
        if !used && unsafe { this.as_ref() }.is_orphaned() {
            // In a forked child. What is in the strand is the parent's.
            return false;
        }
        // SAFETY: as above.
        let strand = unsafe { this.as_ref() };
        strand.queue.prefetch_pop();
        prefetch_to_write(&raw const strand.body);
        // The call that the entry was queued for.
        let Some(running) = Call(this).arrive() else { return false };
        if !used {
            return X::cancel(running);
        }
        X::run(running);
        true
    }
}

/// `TURN`, set by who holds this: the right, and the duty, to queue the entry or have it arrive. Keeps the strand alive.
#[must_use = "others rely on the turn"]
pub(crate) struct Call<X>(NonNull<Strand<X>>);

impl<X> Deref for Call<X> {
    type Target = Strand<X>;

    #[inline]
    fn deref(&self) -> &Strand<X> {
        // SAFETY: live, as `TURN` is set.
        unsafe { self.0.as_ref() }
    }
}

impl<X: Strung> Call<X> {
    /// The turn, to be queued on the host.
    pub(crate) fn into_task(self) -> Task {
        // SAFETY: the entry is in the strand.
        let entry = unsafe { self.0.byte_add(ENTRY) }.cast();
        // SAFETY: while `TURN` is set the word holds a reference, and nobody else has a call; it is cleared by the entry's arrival. The
        // pointer leads to the whole strand.
        unsafe { Task::from_entry(entry) }
    }

    /// The turn is here. `QUEUED` → `RUNNING`, and then the caller is to run the jobs, or to cancel them. `None`: somebody who waited for one
    /// of them has taken it up.
    pub(crate) fn arrive(self) -> Option<Running<X>> {
        let step = self.turn().step(|now| {
            let to = if now & PLACES == QUEUED { RUNNING } else { now & PLACES };
            Some(now & !(PLACES | TURN) | to)
        });
        let (before, after) = step?;
        assert_held(before);
        if before & PLACES == QUEUED {
            return Some(Running(self.0));
        }
        // SAFETY: of the step just taken. The strand is not touched afterwards.
        unsafe { Strand::release(self.0, before, after) };
        None
    }
}

/// `RUNNING`, by who holds this: the right, and the duty, to run the jobs. Keeps the strand alive.
#[must_use = "nobody else runs the jobs"]
pub(crate) struct Running<X>(NonNull<Strand<X>>);

impl<X> Deref for Running<X> {
    type Target = Strand<X>;

    #[inline]
    fn deref(&self) -> &Strand<X> {
        // SAFETY: while somebody is at it, the word holds a reference.
        unsafe { self.0.as_ref() }
    }
}

impl<X: Strung> Running<X> {
    /// `RUNNING` → `IDLE`, if all that was pushed was popped. Else the caller goes on.
    pub(crate) fn end(self) -> Result<(), Self> {
        let popped = self.queue.popped().wrapping_mul(PUSHED);
        let step = self.turn().step(|now| (now & !(PUSHED - 1) == popped).then_some(now & !PLACES));
        let Some((before, after)) = step else { return Err(self) };
        assert_held(before);
        // SAFETY: of the step just taken. The strand is not touched afterwards.
        unsafe { Strand::release(self.0, before, after) };
        Ok(())
    }

    /// `RUNNING` → `QUEUED`, with no turn on its way: the caller is to queue one.
    pub(crate) fn hand_over(self) -> Result<Call<X>, Self> {
        let step = |now| (now & TURN == 0).then_some(now & !PLACES | QUEUED | TURN);
        match self.turn().step(step) {
            Some(_) => Ok(Call(self.0)),
            None => Err(self),
        }
    }

    /// `RUNNING` → `QUEUED`, with a turn on its way already. Fails if it has arrived. Gives a reference, as the turn may come and the strand
    /// go at once.
    pub(crate) fn hand_over_to_turn_on_its_way(self) -> Result<Arc<Strand<X>>, Self> {
        // SAFETY: the pointer is an `Arc`'s, and the word holds a reference.
        let reference = unsafe {
            Arc::increment_strong_count(self.0.as_ptr().cast_const());
            Arc::from_raw(self.0.as_ptr().cast_const())
        };
        let step = |now| (now & TURN != 0).then_some(now & !PLACES | QUEUED);
        match self.turn().step(step) {
            Some(_) => Ok(reference),
            None => Err(self),
        }
    }
}
