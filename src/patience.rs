//! A short spin before a park, in case what is waited for is about to come; and knowing when that is of no use.

use std::time::{Duration, Instant};

/// How many waits in a row that were not prompt it takes to give up for a while.
const TRIES: u32 = 3;
/// How many waits at the most then go by without a spin.
const MOST_SKIPPED: u32 = 256;
/// How often to look between two looks at the clock, which costs some 20 ns.
const LOOKS: u32 = 8;

/// How long to spin.
#[derive(Clone, Copy)]
pub(crate) struct Spin {
    /// What comes within this time is prompt: to spin for it costs less than to be woken for it. Zero is not at all.
    pub(crate) prompt: Duration,
    /// For so long, should it come late for once. Two threads that answer each other promptly are woken on one processor
    /// when either parks, and part again only if neither does for as long as it takes to move to another one.
    pub(crate) longest: Duration,
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
        // The clock is first looked at when the first looks were in vain.
        let mut begun = None;
        let mut spent = Duration::ZERO;
        loop {
            for _ in 0..LOOKS {
                if arrived() {
                    if spent <= spin.prompt {
                        *self = Self::new();
                    } else {
                        self.lose();
                    }
                    return true;
                }
                std::hint::spin_loop();
            }
            spent = begun.get_or_insert_with(Instant::now).elapsed();
            if spent >= spin.longest {
                self.lose();
                return false;
            }
        }
    }

    fn lose(&mut self) {
        self.tries -= 1;
        if self.tries == 0 {
            self.tries = 1;
            self.skip = self.next_skip;
            self.next_skip = (self.next_skip * 2).min(MOST_SKIPPED);
        }
    }
}

/// Spins for that long.
pub(crate) fn pause(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        for _ in 0..LOOKS {
            std::hint::spin_loop();
        }
    }
}
