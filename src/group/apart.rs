//! Keeps a thread and the one that submits to it on different processors.
//!
//! A thread that is woken may come up on its waker's processor, above all in a virtual machine, where Linux takes a
//! halted processor for one that the host has taken away. The two then take turns there, with two switches for each job, and
//! no spinning helps, as who spins keeps the other from running. So now and then the waker lets the thread come up anywhere
//! but there. It then may spin, and so may the awaiter; as long as both are prompt, neither parks, and nothing moves them.

use crate::os::affinity::{self, Kept};
use crate::os::thread::Thread;
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};
use std::time::{Duration, Instant};

/// A try costs the awaiter the time it takes to wake another processor: at this pace 5 % of its time, at the worst.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// Tries that lead to nothing become as rare as that.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Of one thread.
pub(super) struct Apart {
    thread: Thread,
    /// Where it was when it parked.
    parked_on: AtomicUsize,
    tries: Mutex<Tries>,
}

struct Tries {
    /// What the last try changed, to be undone by the thread itself.
    kept: Option<Kept>,
    /// Not before then again.
    next: Option<Instant>,
    pause: Duration,
}

impl Apart {
    /// For the calling thread.
    pub(super) fn new() -> Self {
        let tries = Tries { kept: None, next: None, pause: FIRST_PAUSE };
        Self { thread: Thread::current(), parked_on: AtomicUsize::new(usize::MAX), tries: Mutex::new(tries) }
    }

    /// The thread is about to park.
    pub(super) fn parks(&self) {
        // Relaxed: a hint.
        self.parked_on.store(affinity::current_cpu().unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// The calling thread is about to wake this one. True if it will come up elsewhere than it would have.
    pub(super) fn part(&self) -> bool {
        let Some(here) = affinity::current_cpu().filter(|&cpu| cpu == self.parked_on.load(Ordering::Relaxed))
        else {
            return false;
        };
        let now = Instant::now();
        let mut tries = lock(&self.tries);
        if tries.kept.is_some() || tries.next.is_some_and(|next| now < next) {
            return false;
        }
        tries.next = now.checked_add(tries.pause);
        tries.pause = (tries.pause * 2).min(LONGEST_PAUSE);
        tries.kept = affinity::keep_off(self.thread, here);
        tries.kept.is_some()
    }

    /// The thread has come up. True if it was sent elsewhere.
    pub(super) fn settle(&self) -> bool {
        let kept = lock(&self.tries).kept.take();
        kept.map(Kept::undo).is_some()
    }

    /// To have sent it elsewhere was of use.
    pub(super) fn was_of_use(&self) {
        lock(&self.tries).pause = FIRST_PAUSE;
    }
}
