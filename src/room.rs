//! The places of a bounded queue, and those who wait for one.

use crate::sync::{AtomicUsize, Ordering};
use crate::wait_list::{Ticket, WaitList};
use std::task::Waker;

/// Counts the jobs that wait in a bounded queue. An entry whose job was cancelled takes no place.
pub struct Room {
    limit: usize,
    taken: AtomicUsize,
    freed: WaitList,
}

impl Room {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, taken: AtomicUsize::new(0), freed: WaitList::new() }
    }

    /// Whether there ever are any.
    pub(crate) fn has_places(&self) -> bool {
        self.limit > 0
    }

    /// Takes a place if there is one.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
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
    #[inline]
    pub(crate) fn take_anyway(&self, n: usize) {
        self.taken.fetch_add(n, Ordering::Relaxed);
    }

    /// Gives a place back.
    #[inline]
    pub(crate) fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        self.freed.wake_one();
    }

    /// Calls the one who has waited longest.
    pub(crate) fn wake_next(&self) {
        self.freed.wake_one();
    }

    /// The queue is closed, and whoever waits is to see that.
    pub(crate) fn wake_all(&self) {
        self.freed.wake_all();
    }
}

/// Somebody who waits for a place.
#[derive(Default)]
pub(crate) struct Waiter {
    ticket: Option<Ticket>,
}

impl Waiter {
    /// Whether this one waits, and was not called yet. Then it is not its turn, even if there is room: that is for those who were.
    pub(crate) fn waits_still(&self, room: &Room, waker: &Waker) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| room.freed.renew(ticket, waker))
    }

    /// Has the waker called in turn, once. The caller must look for a place again afterwards.
    pub(crate) fn register(&mut self, room: &Room, waker: &Waker) {
        room.freed.register(&mut self.ticket, waker);
    }

    /// Waits no more. True if it was called, or is about to be.
    pub(crate) fn leave(&mut self, room: &Room) -> bool {
        self.ticket.take().is_some_and(|ticket| !room.freed.leave(ticket))
    }

    /// Waits no more, without a look at the list.
    pub(crate) fn forget(&mut self) {
        self.ticket = None;
    }
}
