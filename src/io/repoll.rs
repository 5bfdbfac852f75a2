//! A task that asks to be polled again, in place of being woken, for what is about to come. See `README.md`, "Reading".

use crate::patience::{Patience, pause};
use std::cell::Cell;
use std::task::Context;
use std::time::{Duration, Instant};

/// What comes within this time is prompt: to be woken for it costs both threads together as much.
pub(super) const PROMPT: Duration = Duration::from_micros(50);

/// Between two looks: each takes lines from the thread that is about to write them. Against no pause at all, a loop of reads was a twentieth faster.
const EVERY: Duration = Duration::from_nanos(500);

thread_local! {
    /// This thread's experience with that, from all that it reads: a source may be at its end before it has taught anything. Without a destructor.
    static PATIENCE: Cell<Patience> = const { Cell::new(Patience::new()) };
}

fn learn(lesson: impl FnOnce(&mut Patience)) {
    let mut patience = PATIENCE.get();
    lesson(&mut patience);
    PATIENCE.set(patience);
}

/// How a reader waits. Unlike a [spin](Patience::spin) this lets the other tasks of its executor run between two looks.
pub(super) struct Repoll {
    wait: Wait,
}

#[derive(Clone, Copy)]
enum Wait {
    /// For nothing.
    No,
    /// Looking again and again since then.
    Looks(Instant),
    /// To be woken.
    Sleeps,
}

impl Repoll {
    pub(super) const fn new() -> Self {
        Self { wait: Wait::No }
    }

    /// What is waited for has not come. Whether to look again soon, and then the task is woken for it; else it leaves its waker where it will be called. By
    /// `weight` to count the time that is spent in vain.
    pub(super) fn looks_again(&mut self, weight: u32, cx: &mut Context<'_>) -> bool {
        let now = Instant::now();
        self.wait = match self.wait {
            Wait::No if PATIENCE.get().is_resting(now) => Wait::Sleeps,
            Wait::No => Wait::Looks(now),
            Wait::Looks(since) if now.duration_since(since) < PROMPT => self.wait,
            Wait::Looks(_) => {
                // Not what other tasks took meanwhile.
                learn(|patience| patience.lose(PROMPT * weight, now));
                Wait::Sleeps
            }
            Wait::Sleeps => Wait::Sleeps,
        };
        let looks = matches!(self.wait, Wait::Looks(_));
        if looks {
            pause(EVERY);
            cx.waker().wake_by_ref();
        }
        looks
    }

    /// Nobody waits for it any more.
    pub(super) fn forget(&mut self) {
        self.wait = Wait::No;
    }

    /// It has come.
    pub(super) fn ended(&mut self) {
        if let Wait::Looks(_) = self.wait {
            learn(|patience| patience.win(PROMPT));
        }
        self.forget();
    }
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;
    use crate::sync::{Ordering, counting_waker};
    use std::task::Waker;

    /// Every look is one that the task was woken for, and there is an end to it.
    #[test]
    fn a_look_is_announced_and_they_end() {
        let (count, waker) = counting_waker();
        let mut cx = Context::from_waker(&waker);
        let mut repoll = Repoll::new();
        for _ in 0..2 {
            let begun = Instant::now();
            let mut looks = 0;
            while repoll.looks_again(1, &mut cx) {
                looks += 1;
                assert_eq!(count.0.swap(0, Ordering::Relaxed), 1);
            }
            assert!(looks > 0);
            assert!(begun.elapsed() >= PROMPT);
            assert!(!repoll.looks_again(1, &mut cx), "not before something has come");
            assert_eq!(count.0.load(Ordering::Relaxed), 0);
            repoll.ended();
        }
    }

    /// What is always late is not looked for any more.
    #[test]
    fn who_looks_in_vain_rests() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut repoll = Repoll::new();
        let mut waits = 0;
        while repoll.looks_again(8, &mut cx) {
            while repoll.looks_again(8, &mut cx) {}
            repoll.ended();
            waits += 1;
            assert!(waits <= 50);
        }
        assert_eq!(waits, 50, "twenty milliseconds, each counted eight times");
        // One file after another, on a processor that the reading thread shares: not each of them is to find that out.
        assert!(!Repoll::new().looks_again(8, &mut cx), "another source");
    }
}
