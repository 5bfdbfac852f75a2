//! A short spin before a park, in case what is waited for is about to come; and knowing when that is of no use.

use std::time::{Duration, Instant};

/// How many spins in vain it takes to give up for a while.
const TRIES: u32 = 3;
/// How many waits at the most then go by without a spin.
const MOST_SKIPPED: u32 = 128;
/// How often to look between two looks at the clock, which costs some 20 ns.
const LOOKS: u32 = 8;

/// What a thread has learnt about how soon things come.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// Waits still to let go by without a spin.
    skip: u32,
    /// How many the next time.
    next_skip: u32,
    /// Spins in vain in a row that are still allowed.
    tries: u32,
}

impl Patience {
    pub(crate) const fn new() -> Self {
        Self { skip: 0, next_skip: 1, tries: TRIES }
    }

    /// Spins until `arrived`, or for as long as `most`; whether it has arrived. Zero is not at all.
    #[inline]
    pub(crate) fn spin(&mut self, most: Duration, arrived: impl Fn() -> bool) -> bool {
        if most.is_zero() {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let begun = Instant::now();
        loop {
            for _ in 0..LOOKS {
                if arrived() {
                    *self = Self::new();
                    return true;
                }
                std::hint::spin_loop();
            }
            if begun.elapsed() >= most {
                self.tries -= 1;
                if self.tries == 0 {
                    self.tries = TRIES;
                    self.skip = self.next_skip;
                    self.next_skip = (self.next_skip * 2).min(MOST_SKIPPED);
                }
                return false;
            }
        }
    }
}
