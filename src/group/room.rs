//! The places of a bounded queue.

use crate::sync::{AtomicUsize, Ordering};
use event_listener::{Event, EventListener};

/// Counts the jobs that wait in a bounded queue. An entry whose job was cancelled takes no place.
pub(super) struct Room {
    limit: usize,
    taken: AtomicUsize,
    freed: Event,
}

impl Room {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, taken: AtomicUsize::new(0), freed: Event::new() }
    }

    /// Takes a place if there is one.
    pub(super) fn try_take(&self) -> bool {
        // Relaxed: a count and nothing else. Lost wake-ups are excluded by `freed`, which fences on both sides.
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
        // One more waiter for each place, also when the one notified before has not come round yet.
        self.freed.notify_additional(1);
    }

    /// Hears of the next place that is given back.
    pub(super) fn listen(&self) -> EventListener {
        self.freed.listen()
    }

    /// Wakes all who wait, as the group takes no more jobs.
    pub(super) fn wake_all(&self) {
        self.freed.notify(usize::MAX);
    }
}
