//! What has become of the jobs of a group, counted.

use crate::os::thread::Thread;
use crate::sync::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use crossbeam_utils::CachePadded;
use std::iter::successors;
use std::sync::OnceLock;

/// Monotonic counters. The number of jobs accepted is the queue's `pushed`.
///
/// All adds but those to what `settled` sums up are Relaxed: nobody concludes anything about other memory from them.
/// Nothing here takes a lock, so that it can be read in a forked child, too.
pub(super) struct Tally {
    /// One for each thread that the group had at once.
    workers: Desk,
    /// Of the jobs that a waiting offload thread ran itself.
    taken: Work,
    cancelled: AtomicUsize,
    abandoned: AtomicUsize,
    refused: AtomicUsize,
    start_failures: AtomicUsize,
    peak_threads: AtomicUsize,
}

/// What one thread has done. Written by that thread alone, so that counting needs no read-modify-write and no other
/// processor's cache line.
struct Work {
    finished: AtomicUsize,
    panicked: AtomicUsize,
    settled: AtomicUsize,
}

/// A place for one thread to count at, and the next place.
struct Desk {
    work: CachePadded<Work>,
    /// The thread that counts here; 0 is nobody.
    thread: AtomicI32,
    /// Whether it is inside a job.
    is_inside: AtomicBool,
    next: OnceLock<Box<Desk>>,
}

/// A thread's own counters. Given back when dropped; the counts stay.
pub(super) struct WorkTally<'a>(&'a Desk);

impl Work {
    fn new() -> Self {
        Self { finished: AtomicUsize::new(0), panicked: AtomicUsize::new(0), settled: AtomicUsize::new(0) }
    }
}

impl Desk {
    fn new() -> Self {
        Self {
            work: CachePadded::new(Work::new()),
            thread: AtomicI32::new(0),
            is_inside: AtomicBool::new(false),
            next: OnceLock::new(),
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // One after the other: there may be as many as there were threads, and the stack is finite.
        let mut next = self.next.take();
        while let Some(mut desk) = next {
            next = desk.next.take();
        }
    }
}

/// Adds one to a counter that nobody else writes.
fn count(counter: &AtomicUsize, order: Ordering) {
    // Relaxed: this thread wrote it last, or took it over by the acquire in `Tally::enlist`.
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), order);
}

impl WorkTally<'_> {
    /// The thread begins a run of jobs.
    #[inline]
    pub(super) fn enter_job(&self) {
        // Relaxed, as below: a hint.
        self.0.is_inside.store(true, Ordering::Relaxed);
    }

    /// It has ended.
    #[inline]
    pub(super) fn leave_job(&self) {
        self.0.is_inside.store(false, Ordering::Relaxed);
    }

    /// A job's closure has returned. Counted before the awaiter can know.
    #[inline]
    pub(super) fn add_finished(&self, panicked: bool) {
        count(&self.0.work.finished, Ordering::Relaxed);
        if panicked {
            count(&self.0.work.panicked, Ordering::Relaxed);
        }
    }

    /// All is done for a job that ran: its output is published and its waker (its callback) has returned.
    #[inline]
    pub(super) fn add_settled(&self) {
        // Release: pairs with the acquire in `Tally::settled`, so that who drains a group sees what its jobs did.
        count(&self.0.work.settled, Ordering::Release);
    }
}

impl Drop for WorkTally<'_> {
    fn drop(&mut self) {
        // Release: pairs with the acquire in `enlist`.
        self.0.thread.store(0, Ordering::Release);
    }
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            workers: Desk::new(),
            taken: Work::new(),
            cancelled: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            start_failures: AtomicUsize::new(0),
            peak_threads: AtomicUsize::new(0),
        }
    }

    /// Counters for a thread that begins.
    pub(super) fn enlist(&self) -> WorkTally<'_> {
        let me = Thread::current().to_raw();
        let mut desk = &self.workers;
        // Acquire: pairs with the release of whoever counted here before.
        while desk.thread.load(Ordering::Relaxed) != 0
            || desk.thread.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            desk = desk.next.get_or_init(|| Box::new(Desk::new()));
        }
        WorkTally(desk)
    }

    /// A job was run by a waiting offload thread itself, and needs nothing more.
    pub(super) fn add_taken(&self, panicked: bool) {
        self.taken.finished.fetch_add(1, Ordering::Relaxed);
        if panicked {
            self.taken.panicked.fetch_add(1, Ordering::Relaxed);
        }
        // Release: as in `WorkTally::add_settled`.
        self.taken.settled.fetch_add(1, Ordering::Release);
    }

    /// A job was cancelled before it started, and needs nothing more.
    pub(super) fn add_cancelled(&self) {
        // Release: as above.
        self.cancelled.fetch_add(1, Ordering::Release);
    }

    /// The same, and it was the group that cancelled it.
    pub(super) fn add_abandoned(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
        self.add_cancelled();
    }

    /// A job was pushed in vain: its closure went back to the submitter. Or a turn was, and there was nothing left to cancel.
    pub(super) fn add_refused(&self) {
        self.refused.fetch_add(1, Ordering::Release);
    }

    pub(super) fn add_start_failure(&self) {
        self.start_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn saw_threads(&self, threads: usize) {
        self.peak_threads.fetch_max(threads, Ordering::Relaxed);
    }

    fn desks(&self) -> impl Iterator<Item = &Desk> {
        successors(Some(&self.workers), |desk| desk.next.get().map(|next| &**next))
    }

    /// The threads that are inside jobs.
    pub(super) fn threads_inside(&self) -> impl Iterator<Item = Thread> {
        // Relaxed: who asks can do nothing wrong with the number of a thread that has ended.
        let inside = self.desks().filter(|desk| desk.is_inside.load(Ordering::Relaxed));
        inside.filter_map(|desk| Thread::from_raw(desk.thread.load(Ordering::Relaxed)))
    }

    fn sum(&self, counter: impl Fn(&Work) -> usize) -> usize {
        self.desks().map(|desk| counter(&desk.work)).fold(counter(&self.taken), usize::wrapping_add)
    }

    pub(super) fn finished(&self) -> usize {
        self.sum(|work| work.finished.load(Ordering::Relaxed))
    }

    pub(super) fn panicked(&self) -> usize {
        self.sum(|work| work.panicked.load(Ordering::Relaxed))
    }

    pub(super) fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Those of the cancelled that the group cancelled.
    pub(super) fn abandoned(&self) -> usize {
        self.abandoned.load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn start_failures(&self) -> usize {
        self.start_failures.load(Ordering::Relaxed)
    }

    pub(super) fn peak_threads(&self) -> usize {
        self.peak_threads.load(Ordering::Relaxed)
    }

    /// How many of the jobs pushed need nothing more. The counters are read one after the other, and each only grows:
    /// the sum is at most what it was when the last one was read.
    pub(super) fn settled(&self) -> usize {
        // Acquire: pairs with the releases above.
        self.sum(|work| work.settled.load(Ordering::Acquire))
            .wrapping_add(self.cancelled.load(Ordering::Acquire))
            .wrapping_add(self.refused.load(Ordering::Acquire))
    }
}
