//! The stack of parked threads: the one that parked last wakes first, so that the surplus ones grow old and leave.

use super::counts::{AtomicCounts, Role};
use crate::os::processors;
use crate::sync::{AtomicUsize, Mutex, Ordering, Thread, current, lock, park, park_timeout};
use std::sync::Arc;
use std::time::Instant;

/// One thread's bed.
pub(super) struct Sleeper {
    /// One of the constants below.
    call: AtomicUsize,
    thread: Thread,
    /// Where the thread was that called; `usize::MAX` if that is not known.
    called_from: AtomicUsize,
}

/// Nobody has called yet.
const NONE: usize = 0;
/// Get up and work.
const WORK: usize = 1;
/// Get up and watch.
const WATCH: usize = 2;

/// Where the calling thread is. A model must not depend on where it is run.
fn processor() -> Option<usize> {
    if cfg!(aside_loom) { None } else { processors::current() }
}

impl Sleeper {
    /// For the calling thread.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            call: AtomicUsize::new(NONE),
            thread: current(),
            called_from: AtomicUsize::new(usize::MAX),
        })
    }

    /// Parks the calling thread, which must be the sleeper's, until it is called; `None` if the time was up before.
    pub(super) fn sleep(&self, until: Option<Instant>) -> Option<Role> {
        loop {
            // Acquire: pairs with the release in `wake`.
            match self.call.load(Ordering::Acquire) {
                WORK => return Some(Role::Work),
                WATCH => return Some(Role::Watch),
                _ => {}
            }
            match until {
                None => park(),
                Some(until) => match until.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => park_timeout(left),
                    _ => return None,
                },
            }
        }
    }

    /// Whether the calling thread, which must be the sleeper's, has come up on the processor that it was called from.
    pub(super) fn shares_processor(&self) -> bool {
        let here = processor();
        here.is_some() && here == Some(self.called_from.load(Ordering::Relaxed))
    }

    fn wake(&self, role: Role) {
        let call = match role {
            Role::Work => WORK,
            Role::Watch => WATCH,
        };
        // Relaxed: a hint.
        self.called_from.store(processor().unwrap_or(usize::MAX), Ordering::Relaxed);
        // Release: pairs with the acquire in `sleep`.
        self.call.store(call, Ordering::Release);
        self.thread.unpark();
    }
}

/// What became of a thread whose time was up.
pub(super) enum Retirement {
    /// It is off the stack and counted out.
    Retired,
    /// The group is at its minimum: it stays on the stack.
    Needed,
    /// Somebody woke it at the last moment.
    Woken,
}

/// The sleepers, oldest first. The counts' `parked` is the length of this list whenever the lock is free.
pub(super) struct Parked(Mutex<Vec<Arc<Sleeper>>>);

impl Parked {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// idle → parked. The thread must look at the queue once more before it sleeps.
    pub(super) fn push(&self, sleeper: &Arc<Sleeper>, counts: &AtomicCounts) {
        // Relaxed: read by the thread itself, and written by others only once it is on the stack.
        sleeper.call.store(NONE, Ordering::Relaxed);
        let mut sleepers = lock(&self.0);
        sleepers.push(sleeper.clone());
        counts.park();
    }

    /// parked → idle, by the thread itself. False if somebody else took it off the stack: then `sleep` returns at
    /// once, or nearly.
    pub(super) fn withdraw(&self, sleeper: &Arc<Sleeper>, counts: &AtomicCounts) -> bool {
        let mut sleepers = lock(&self.0);
        let Some(place) = place_of(sleeper, &sleepers) else { return false };
        sleepers.remove(place);
        counts.unpark(Role::Work)
    }

    /// parked → gone, by the thread itself.
    pub(super) fn retire(&self, sleeper: &Arc<Sleeper>, counts: &AtomicCounts, min: usize) -> Retirement {
        let mut sleepers = lock(&self.0);
        let Some(place) = place_of(sleeper, &sleepers) else { return Retirement::Woken };
        if !counts.retire(min) {
            return Retirement::Needed;
        }
        sleepers.remove(place);
        Retirement::Retired
    }

    /// Wakes the thread that parked last; false if none is parked, or the role is taken.
    pub(super) fn wake_one(&self, role: Role, counts: &AtomicCounts) -> bool {
        let mut sleepers = lock(&self.0);
        if sleepers.is_empty() || !counts.unpark(role) {
            return false;
        }
        let sleeper = sleepers.pop();
        // The system call stays outside the lock.
        drop(sleepers);
        sleeper.inspect(|sleeper| sleeper.wake(role)).is_some()
    }

    /// Wakes all.
    pub(super) fn wake_all(&self, counts: &AtomicCounts) {
        let mut sleepers = lock(&self.0);
        let woken = std::mem::take(&mut *sleepers);
        counts.unpark_all(woken.len());
        drop(sleepers);
        woken.iter().for_each(|sleeper| sleeper.wake(Role::Work));
    }
}

fn place_of(sleeper: &Arc<Sleeper>, sleepers: &[Arc<Sleeper>]) -> Option<usize> {
    sleepers.iter().position(|other| Arc::ptr_eq(other, sleeper))
}
