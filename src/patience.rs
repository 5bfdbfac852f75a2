//! A short spin before a park, in case what is waited for is about to come; and knowing when that is of no use.

use crate::sync::yield_now;
use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// How long to go on spinning in vain, all in all, before giving up for a while. Two threads that were woken on one processor are
/// parted at one of the kernel's next ticks, of 4 ms as a rule; the first ones may pass, as it thinks their caches warm.
const TRIAL: Duration = Duration::from_millis(20);
/// For how long then not to spin: at first, ...
const FIRST_REST: Duration = Duration::from_millis(400);
/// ... and, doubling, at the most.
const LONGEST_REST: Duration = Duration::from_millis(3_200);
/// Who yielded and had to wait that long for its next turn, shares its processor with somebody else who is busy.
const LONG_TURN: Duration = Duration::from_millis(1);

/// How to spin.
#[derive(Clone, Copy)]
pub(crate) struct Spin {
    /// What comes within this time is prompt: to spin for it costs less than to be woken for it. Zero is not at all.
    pub(crate) prompt: Duration,
    /// How long to spin should it come late for once. Two threads that answer each other promptly are woken on one processor
    /// when either parks.
    pub(crate) longest: Duration,
    /// The time from one look to the next. A look takes the cache line from whoever is about to write it, and that costs
    /// the writer about 100 ns: often is late.
    pub(crate) every: Duration,
    /// Whether to let others have this processor between two looks.
    pub(crate) yields: bool,
    /// By how much to count time spent in vain.
    pub(crate) weight: u32,
}

/// How long an awaiter of jobs spins for one that may be done in no time: less than the wake-up that it saves; and for once, about as long
/// as it takes a thread to come up on a processor that is awake. It does not yield: an executor's thread has other things to do.
pub(crate) const AWAITER_SPIN: Spin = Spin {
    prompt: Duration::from_micros(2),
    longest: Duration::from_micros(20),
    every: Duration::from_nanos(60),
    yields: false,
    weight: 8,
};

/// How long a logging thread spins for room, which a drain at work makes with each write: for 64 KiB into memory that takes 3 to 15 µs, and to be
/// woken takes longer.
pub(crate) const ROOM_SPIN: Spin = Spin {
    prompt: Duration::from_micros(20),
    longest: Duration::from_micros(40),
    every: Duration::from_nanos(300),
    yields: true,
    weight: 1,
};

/// What a thread has learnt about how soon things come.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// Time spent in vain, less what was saved: each prompt wait saves a wake-up, which costs about what is prompt.
    vain: Duration,
    was_prompt: bool,
    /// No spin before then.
    rests_until: Option<Instant>,
    /// The next rest.
    rest: Duration,
}

impl Patience {
    pub(crate) const fn new() -> Self {
        Self { vain: Duration::ZERO, was_prompt: true, rests_until: None, rest: FIRST_REST }
    }

    /// Whether the last wait was prompt, or there was none.
    pub(crate) fn is_rewarded(&self) -> bool {
        self.was_prompt
    }

    /// Spins until `arrived`, but no longer than that; whether it has arrived.
    #[inline]
    pub(crate) fn spin(&mut self, spin: Spin, mut arrived: impl FnMut() -> bool) -> bool {
        if spin.prompt.is_zero() {
            return false;
        }
        let begun = Instant::now();
        if self.is_resting(begun) {
            self.was_prompt = false;
            return false;
        }
        let mut spent = Duration::ZERO;
        loop {
            if arrived() {
                if spent <= spin.prompt {
                    self.win(spin.prompt);
                } else {
                    self.lose(spent * spin.weight, begun + spent);
                }
                return true;
            }
            if spent >= spin.longest {
                self.lose(spent * spin.weight, begun + spent);
                return false;
            }
            let before = spent;
            if spin.yields {
                yield_now();
                spent = begun.elapsed();
                if spent - before > LONG_TURN {
                    self.lose(TRIAL, begun + spent);
                    return arrived();
                }
            }
            while spent < before + spin.every {
                spin_loop();
                spent = begun.elapsed();
            }
        }
    }

    /// Whether spinning is of no use for a while.
    pub(crate) fn is_resting(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|end| now < end)
    }

    /// What was waited for came promptly, which saved that much.
    pub(crate) fn win(&mut self, saved: Duration) {
        self.was_prompt = true;
        self.vain = self.vain.saturating_sub(saved);
        if self.vain.is_zero() {
            self.rest = FIRST_REST;
        }
    }

    /// It did not, or not promptly.
    pub(crate) fn lose(&mut self, spent: Duration, now: Instant) {
        self.was_prompt = false;
        self.vain += spent;
        if self.vain >= TRIAL {
            self.vain = Duration::ZERO;
            self.rests_until = now.checked_add(self.rest);
            self.rest = (self.rest * 2).min(LONGEST_REST);
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
