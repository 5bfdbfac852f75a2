//! The packed word that every submitter reads: how many threads there are and what they are at.

use crate::sync::{AtomicU64, Ordering, loom_fence};
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
/// One thread is on watch: neither idle nor inside a job, it looks at the queue every few ticks. At most one thread.
const WATCH: u64 = 1 << (3 * WIDTH);
/// The group takes no more jobs, and a thread that finds the queue empty leaves. Never cleared.
const CLOSED: u64 = 1 << (3 * WIDTH + 1);

/// The most threads that a counter can hold.
pub(super) const MAX_THREADS: usize = FIELD as usize;

/// A value of the word. What is neither idle nor parked nor on watch is inside a job.
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
        self.threads() - self.idle() - self.parked() - usize::from(self.has_watch())
    }

    pub(super) fn has_watch(self) -> bool {
        self.0 & WATCH != 0
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
            .field("watch", &self.has_watch())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// What a thread is brought for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// To take a job: it comes up idle.
    Work,
    /// To see whether the queue moves.
    Watch,
}

impl Role {
    fn field(self) -> u64 {
        match self {
            Role::Work => IDLE,
            Role::Watch => WATCH,
        }
    }

    fn is_free(self, now: Counts) -> bool {
        self == Role::Work || !now.has_watch()
    }
}

/// The word. The methods are the transitions of a thread; `README.md` has the picture.
pub(super) struct AtomicCounts(AtomicU64);

impl AtomicCounts {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline]
    pub(super) fn load(&self) -> Counts {
        // SeqCst: the second half of a submitter's "push, then look at the counts"; see `README.md`.
        Counts(self.0.load(Ordering::SeqCst))
    }

    /// Adds and takes away in one step; the counts after it.
    fn step(&self, add: u64, sub: u64) -> Counts {
        let change = add.wrapping_sub(sub);
        // SeqCst, as are all steps: the first half of a worker's "change the counts, then look at the queue"; see
        // `README.md`. The word publishes no other memory: what the parties hand each other goes through the queue.
        let after = Counts(self.0.fetch_add(change, Ordering::SeqCst).wrapping_add(change));
        loom_fence();
        after
    }

    /// One step, if `allowed` of the counts that it starts from.
    fn step_if(&self, allowed: impl Fn(Counts) -> bool, add: u64, sub: u64) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        while allowed(Counts(now)) {
            let next = now.wrapping_add(add).wrapping_sub(sub);
            match self.0.compare_exchange_weak(now, next, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => {
                    loom_fence();
                    return true;
                }
                Err(other) => now = other,
            }
        }
        false
    }

    /// Counts a thread that is about to be started, if that keeps to `max`, and to one thread on watch.
    pub(super) fn start(&self, role: Role, max: usize) -> bool {
        self.step_if(|now| now.threads() < max && role.is_free(now), THREADS + role.field(), 0)
    }

    /// The thread counted by [`start`](Self::start) was not to be had.
    pub(super) fn not_started(&self, role: Role) {
        self.step(0, THREADS + role.field());
    }

    /// idle → gone, as the group is closed.
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

    /// parked → idle or on watch, if the role is free. Under the sleepers' lock.
    pub(super) fn unpark(&self, role: Role) -> bool {
        self.step_if(|now| role.is_free(now), role.field(), PARKED)
    }

    /// parked → idle, for `n` threads. Under the sleepers' lock.
    pub(super) fn unpark_all(&self, n: usize) {
        self.step(IDLE * n as u64, PARKED * n as u64);
    }

    /// on watch → idle.
    pub(super) fn end_watch(&self) {
        self.step(IDLE, WATCH);
    }

    /// parked → gone, if that leaves `min` threads. Under the sleepers' lock.
    pub(super) fn retire(&self, min: usize) -> bool {
        self.step_if(|now| now.threads() > min, 0, THREADS + PARKED)
    }

    /// Closes the group. True for the one call that did it.
    pub(super) fn close(&self) -> bool {
        !Counts(self.0.fetch_or(CLOSED, Ordering::SeqCst)).is_closed()
    }
}
