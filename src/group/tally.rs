//! What has become of the jobs of a group, counted.

use crate::sync::{AtomicUsize, Ordering};
use crossbeam_utils::CachePadded;

/// Monotonic counters. The number of jobs accepted is the queue's `pushed`.
///
/// All adds but those to `settled` are Relaxed: nobody concludes anything about other memory from them.
pub(super) struct Tally {
    /// Written by workers, for every job.
    worked: CachePadded<Worked>,
    cancelled: AtomicUsize,
    abandoned: AtomicUsize,
    refused: AtomicUsize,
    start_failures: AtomicUsize,
    peak_threads: AtomicUsize,
}

struct Worked {
    finished: AtomicUsize,
    panicked: AtomicUsize,
    settled: AtomicUsize,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            worked: CachePadded::new(Worked {
                finished: AtomicUsize::new(0),
                panicked: AtomicUsize::new(0),
                settled: AtomicUsize::new(0),
            }),
            cancelled: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            start_failures: AtomicUsize::new(0),
            peak_threads: AtomicUsize::new(0),
        }
    }

    /// A job's closure has returned. Counted before the awaiter can know.
    pub(super) fn add_finished(&self, panicked: bool) {
        self.worked.finished.fetch_add(1, Ordering::Relaxed);
        if panicked {
            self.worked.panicked.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All is done for a job that ran: its output is published and its waker (its callback) has returned.
    pub(super) fn add_settled(&self) {
        // Release: pairs with the acquire in `settled`, so that who drains a group sees what its jobs did.
        self.worked.settled.fetch_add(1, Ordering::Release);
    }

    /// A job was cancelled before it started, and the same holds.
    pub(super) fn add_cancelled(&self) {
        // Release: as above.
        self.cancelled.fetch_add(1, Ordering::Release);
    }

    /// The same, and it was the group that cancelled it.
    pub(super) fn add_abandoned(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
        self.add_cancelled();
    }

    /// A job was pushed in vain: its closure went back to the submitter.
    pub(super) fn add_refused(&self) {
        self.refused.fetch_add(1, Ordering::Release);
    }

    pub(super) fn add_start_failure(&self) {
        self.start_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn saw_threads(&self, threads: usize) {
        self.peak_threads.fetch_max(threads, Ordering::Relaxed);
    }

    pub(super) fn finished(&self) -> usize {
        self.worked.finished.load(Ordering::Relaxed)
    }

    pub(super) fn panicked(&self) -> usize {
        self.worked.panicked.load(Ordering::Relaxed)
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

    /// How many of the jobs pushed need nothing more.
    pub(super) fn settled(&self) -> usize {
        // Acquire: pairs with the releases above.
        let settled = self.worked.settled.load(Ordering::Acquire);
        let cancelled = self.cancelled.load(Ordering::Acquire);
        settled.wrapping_add(cancelled).wrapping_add(self.refused.load(Ordering::Acquire))
    }
}
