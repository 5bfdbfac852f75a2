//! Stamps for the merge, from the moment on that there is anything to merge. See `README.md`, "Stamps".

use super::builder::Order;
use crate::os::stamp::{Stamps, clock};
use crate::sync::{AtomicBool, Ordering};

pub(super) struct Clock {
    /// `None` if the order asks for none.
    stamps: Option<Stamps>,
    /// Whether a thread has taken a ring.
    has_ring: AtomicBool,
    /// Whether there may be records in more than one ring. Never cleared.
    is_needed: AtomicBool,
}

impl Clock {
    pub(super) fn new(order: Order) -> Self {
        let stamps = (order == Order::Causal).then(Stamps::new);
        Self { stamps, has_ring: AtomicBool::new(false), is_needed: AtomicBool::new(false) }
    }

    /// Whether records of several threads are put in order.
    pub(super) fn is_causal(&self) -> bool {
        self.stamps.is_some()
    }

    /// A stamp for a record; 0 as long as there is only one ring.
    pub(super) fn now(&self) -> u64 {
        self.now_easily().unwrap_or_else(clock)
    }

    /// The same, if it takes no call: `None` if the system's clock must be asked.
    #[inline(always)]
    pub(super) fn now_easily(&self) -> Option<u64> {
        match self.stamps {
            // Relaxed: who knows of a record in another ring knows of what its thread did before it, and that thread has said `need`.
            Some(stamps) if self.is_needed.load(Ordering::Relaxed) => stamps.now(),
            _ => Some(0),
        }
    }

    /// To be called before a thread writes to a ring that it has just been given.
    pub(super) fn another_ring(&self) {
        // Relaxed: one of them is the first.
        if self.has_ring.swap(true, Ordering::Relaxed) {
            self.need();
        }
    }

    /// To be called before a record goes into a ring that is not the first thread's.
    pub(super) fn need(&self) {
        if !self.is_needed.load(Ordering::Relaxed) {
            // Relaxed: as in `now_easily`.
            self.is_needed.store(true, Ordering::Relaxed);
        }
    }
}
