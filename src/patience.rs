//! A short spin before a park, in case what is waited for is about to come; and knowing when that is of no use.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// How many waits in a row that were not prompt it takes to give up for a while.
const TRIES: u32 = 3;
/// How many waits at the most then go by without a spin.
const MOST_SKIPPED: u32 = 256;

/// How to spin.
#[derive(Clone, Copy)]
pub(crate) struct Spin {
    /// What comes within this time is prompt: to spin for it costs less than to be woken for it. Zero is not at all.
    pub(crate) prompt: Duration,
    /// How long to spin should it come late for once. Two threads that answer each other promptly are woken on one processor
    /// when either parks, and part again only if neither does for as long as it takes to wake another one.
    pub(crate) longest: Duration,
    /// The time from one look to the next. A look takes the cache line from whoever is about to write it, and that costs
    /// the writer about 100 ns: often is late.
    pub(crate) every: Duration,
}

/// What a thread has learnt about how soon things come.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// Waits still to let go by without a spin.
    skip: u32,
    /// How many the next time.
    next_skip: u32,
    /// Waits in a row that were not prompt and are still allowed.
    tries: u32,
}

impl Patience {
    pub(crate) const fn new() -> Self {
        Self { skip: 0, next_skip: 1, tries: TRIES }
    }

    /// Whether the next wait is to begin with a spin.
    pub(crate) fn wants_to_spin(&self) -> bool {
        self.skip == 0
    }

    /// Whether the last wait was prompt.
    pub(crate) fn is_rewarded(&self) -> bool {
        self.next_skip == 1 && self.tries == TRIES
    }

    /// Spins until `arrived`, but no longer than that; whether it has arrived.
    #[inline]
    pub(crate) fn spin(&mut self, spin: Spin, arrived: impl Fn() -> bool) -> bool {
        if spin.prompt.is_zero() {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let begun = Instant::now();
        let mut spent = Duration::ZERO;
        loop {
            if arrived() {
                if spent <= spin.prompt {
                    *self = Self::new();
                } else {
                    self.lose();
                }
                return true;
            }
            if spent >= spin.longest {
                self.lose();
                return false;
            }
            let next = spent + spin.every;
            while spent < next {
                spin_loop();
                spent = begun.elapsed();
            }
        }
    }

    fn lose(&mut self) {
        self.tries -= 1;
        if self.tries == 0 {
            // From now on one try at a time.
            self.tries = 1;
            self.skip = self.next_skip;
            self.next_skip = (self.next_skip * 2).min(MOST_SKIPPED);
        }
    }
}

/// Spins for that long, whatever happens.
pub(crate) fn pause(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        spin_loop();
    }
}
