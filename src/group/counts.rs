//! The packed word that every submitter reads: how many threads there are and what they are at.

use crate::sync::{AtomicU64, Ordering};
use std::fmt;

/// Bits per counter.
const WIDTH: u32 = 16;
const FIELD: u64 = (1 << WIDTH) - 1;
/// Threads that live, or are being started.
const THREADS: u64 = 1;
/// Threads that are between jobs and awake: they look at the queue once more before they park. A thread that is being
/// started or was just unparked counts as idle already, so that nobody starts another for the same job.
const IDLE: u64 = 1 << WIDTH;
/// Threads on the stack of sleepers. Changes only under that stack's lock.
const PARKED: u64 = 1 << (2 * WIDTH);
/// The group takes no more jobs, and a thread that finds the queue empty leaves. Never cleared.
const CLOSED: u64 = 1 << (3 * WIDTH);

/// The most threads that a counter can hold.
pub(super) const MAX_THREADS: usize = FIELD as usize;

/// A value of the word. What is neither idle nor parked is inside a job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts(u64);

impl Counts {
    pub(super) fn threads(self) -> usize {
        (self.0 & FIELD) as usize
    }

    pub(super) fn idle(self) -> usize {
        ((self.0 / IDLE) & FIELD) as usize
    }

    pub(super) fn parked(self) -> usize {
        ((self.0 / PARKED) & FIELD) as usize
    }

    pub(super) fn running(self) -> usize {
        self.threads() - self.idle() - self.parked()
    }

    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts")
            .field("threads", &self.threads())
            .field("idle", &self.idle())
            .field("parked", &self.parked())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// The word. The methods are the transitions of a thread; `README.md` has the picture.
pub(super) struct AtomicCounts(AtomicU64);

impl AtomicCounts {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// For a decision that must not be missed, to be preceded by `fence(SeqCst)`: see `README.md`.
    pub(super) fn load(&self) -> Counts {
        Counts(self.0.load(Ordering::Relaxed))
    }

    /// Adds and takes away in one step; the counts after it.
    fn step(&self, add: u64, sub: u64) -> Counts {
        // The word publishes no other memory: what the parties hand each other goes through the queue, and the order of
        // this word against the queue comes from the `SeqCst` fences at the call sites. AcqRel all the same, so that
        // what a thread did before a step is done for whoever acts on the count.
        let change = add.wrapping_sub(sub);
        Counts(self.0.fetch_add(change, Ordering::AcqRel).wrapping_add(change))
    }

    /// Counts a thread that is about to be started, if that keeps to `max`.
    pub(super) fn start(&self, max: usize) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        while Counts(now).threads() < max {
            match self.0.compare_exchange_weak(now, now + THREADS + IDLE, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        false
    }

    /// idle → gone: the thread was not to be had, or leaves because the group is closed.
    pub(super) fn leave(&self) -> Counts {
        self.step(0, THREADS + IDLE)
    }

    /// idle → inside a job.
    pub(super) fn run(&self) -> Counts {
        self.step(0, IDLE)
    }

    /// inside a job → idle.
    pub(super) fn rest(&self) -> Counts {
        self.step(IDLE, 0)
    }

    /// idle → parked. Under the sleepers' lock.
    pub(super) fn park(&self) -> Counts {
        self.step(PARKED, IDLE)
    }

    /// parked → idle, for `n` threads. Under the sleepers' lock.
    pub(super) fn unpark(&self, n: usize) -> Counts {
        self.step(IDLE * n as u64, PARKED * n as u64)
    }

    /// parked → gone, if that leaves `min` threads. Under the sleepers' lock.
    pub(super) fn retire(&self, min: usize) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        while Counts(now).threads() > min {
            match self.0.compare_exchange_weak(
                now,
                now - THREADS - PARKED,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        false
    }

    /// Closes the group. True for the one call that did it.
    pub(super) fn close(&self) -> bool {
        !Counts(self.0.fetch_or(CLOSED, Ordering::AcqRel)).is_closed()
    }
}
