//! The drain's short naps between two looks at quiet rings. Nothing rests on a nap's being cut short but how long somebody waits.

use crate::sync::{Mutex, lock};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::{self, Thread};
use std::time::Duration;

pub(super) struct Nap {
    napping: AtomicBool,
    who: Mutex<Option<Thread>>,
}

impl Nap {
    pub(super) fn new() -> Self {
        Self { napping: AtomicBool::new(false), who: Mutex::new(None) }
    }

    /// Sleeps so long, or until somebody is in a hurry; not at all if `hurry` holds.
    pub(super) fn take(&self, duration: Duration, hurry: impl FnOnce() -> bool) {
        *lock(&self.who) = Some(thread::current());
        self.napping.store(true, Ordering::Relaxed);
        // Pairs with the fence in `end`: either this sees the hurry, or that sees the nap.
        fence(Ordering::SeqCst);
        if !hurry() {
            thread::park_timeout(duration);
        }
        self.napping.store(false, Ordering::Relaxed);
    }

    /// Somebody is in a hurry, and has said so where `hurry` looks.
    pub(super) fn end(&self) {
        fence(Ordering::SeqCst);
        if self.napping.load(Ordering::Relaxed) && self.napping.swap(false, Ordering::Relaxed) {
            if let Some(thread) = &*lock(&self.who) {
                thread.unpark();
            }
        }
    }
}
