//! The places of a bounded queue.

use crate::sync::{AtomicUsize, Ordering};
use crate::wait_list::WaitList;

/// Counts the jobs that wait in a bounded queue. An entry whose job was cancelled takes no place.
pub(super) struct Room {
    limit: usize,
    taken: AtomicUsize,
    pub(super) freed: WaitList,
}

impl Room {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, taken: AtomicUsize::new(0), freed: WaitList::new() }
    }

    /// Takes a place if there is one.
    pub(super) fn try_take(&self) -> bool {
        // Relaxed: a count and nothing else. Lost wake-ups are excluded by `freed`, which has a fence on either side.
        let mut taken = self.taken.load(Ordering::Relaxed);
        while taken < self.limit {
            match self.taken.compare_exchange_weak(taken, taken + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => taken = other,
            }
        }
        false
    }

    /// Takes `n` places, there or not.
    pub(super) fn take_anyway(&self, n: usize) {
        self.taken.fetch_add(n, Ordering::Relaxed);
    }

    /// Gives a place back.
    pub(super) fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        self.freed.wake_one();
    }
}
