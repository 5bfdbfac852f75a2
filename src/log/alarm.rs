//! The word that a logging thread looks at after each record: whether the drain sleeps, and whether there is one. See `README.md`,
//! "Park and wake".

use crate::os::barrier::Barrier;
use crate::sync::{AtomicU32, Ordering};
use std::sync::atomic::compiler_fence;

/// No drain runs, and none is on its way: whoever clears this starts one. Set by the drain as it leaves.
const ASLEEP: u32 = 1;
/// The guard takes no more records. Never cleared.
const CLOSED: u32 = 2;
/// Nothing can be written any more. Never cleared.
const BROKEN: u32 = 4;
/// The frequent side of the barrier needs a fence, as the kernel has none for it. Never changed.
const FENCED: u32 = 8;

pub(super) struct Alarm {
    word: AtomicU32,
    barrier: Barrier,
}

/// What the word said, but for `FENCED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen(u32);

impl Seen {
    /// Awake, open and whole: nothing to do.
    #[inline(always)]
    pub(super) fn is_fine(self) -> bool {
        self.0 == 0
    }

    pub(super) fn is_asleep(self) -> bool {
        self.0 & ASLEEP != 0
    }

    #[inline(always)]
    pub(super) fn is_open(self) -> bool {
        self.0 & (CLOSED | BROKEN) == 0
    }

    pub(super) fn is_broken(self) -> bool {
        self.0 & BROKEN != 0
    }

    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }
}

impl Alarm {
    pub(super) fn new() -> Self {
        let barrier = Barrier::new();
        let fenced = if barrier.is_light_free() { 0 } else { FENCED };
        Self { word: AtomicU32::new(ASLEEP | fenced), barrier }
    }

    #[inline(always)]
    pub(super) fn look(&self) -> Seen {
        // Acquire: who sees it broken sees why.
        Seen(self.word.load(Ordering::Acquire) & !FENCED)
    }

    /// To be called after something was put where the drain looks. True, with one comparison, if there is nothing to do; else
    /// `look_after_commit` tells.
    #[inline(always)]
    pub(super) fn is_fine_after_commit(&self) -> bool {
        // Pairs with the heavy barrier in `fall_asleep`, `close` and `settle`.
        compiler_fence(Ordering::SeqCst);
        self.word.load(Ordering::Acquire) == 0
    }

    /// To be called after something was put where the drain looks.
    pub(super) fn look_after_commit(&self) -> Seen {
        // Pairs with the heavy barrier in `fall_asleep`, `close` and `settle`.
        self.barrier.light();
        self.look()
    }

    /// True if the caller is to start a drain.
    pub(super) fn wake(&self) -> bool {
        // AcqRel: the next drain goes on where the last one stopped.
        self.word.fetch_and(!ASLEEP, Ordering::AcqRel) & ASLEEP != 0
    }

    /// The drain is about to leave. It must look for records afterwards, and if there are any, stay if `wake` says true. False if it
    /// has to stay in any case.
    pub(super) fn fall_asleep(&self) -> bool {
        self.word.fetch_or(ASLEEP, Ordering::AcqRel);
        self.barrier.heavy() || !self.wake()
    }

    /// Whoever commits a record from now on sees that it is too late; what was committed before, who calls this sees. False if it was closed
    /// before.
    pub(super) fn close(&self) -> bool {
        let before = self.word.fetch_or(CLOSED, Ordering::AcqRel);
        self.barrier.heavy();
        before & CLOSED == 0
    }

    /// Whether it is closed. Then whoever calls this sees what was committed by those who found it open.
    pub(super) fn is_closed_for_all(&self) -> bool {
        let is_closed = self.look().is_closed();
        if is_closed {
            // Who closes may be about to pass the barrier, and has not yet. Pairs with the light one in `look_after_commit`.
            self.barrier.heavy();
        }
        is_closed
    }

    pub(super) fn break_off(&self) {
        // AcqRel: publishes why.
        self.word.fetch_or(BROKEN, Ordering::AcqRel);
    }

    /// To be called by who knows that it is closed or broken, before he counts what is left: what was committed by those who found it neither, he then sees.
    pub(super) fn settle(&self) {
        // Pairs with the light one in `look_after_commit`.
        self.barrier.heavy();
    }
}

#[cfg(all(test, aside_loom))]
mod model {
    use super::*;
    use crate::ring;
    use crate::sync::check;
    use loom::thread;
    use std::sync::Arc;

    /// Of "commit, then look at the alarm" and "fall asleep, then look at the ring" one sees the other: no record is left to a drain that
    /// nobody wakes.
    #[test]
    fn log_commit_against_sleep() {
        check(|| {
            let alarm = Arc::new(Alarm::new());
            assert!(alarm.wake());
            let (mut producer, consumer) = ring::new(8).unwrap();
            let logging = {
                let alarm = alarm.clone();
                thread::spawn(move || {
                    producer.push(b"1", 1).unwrap();
                    alarm.look_after_commit().is_asleep() && alarm.wake()
                })
            };
            assert!(alarm.fall_asleep());
            let stays = consumer.committed() > 0 && alarm.wake();
            let starts = logging.join().unwrap();
            assert!(stays ^ starts, "exactly one drain");
        });
    }

    /// Logs a record, and tells whether the writer was open.
    fn log_once(alarm: &Arc<Alarm>, mut producer: ring::Producer) -> impl FnOnce() -> bool + use<> {
        let alarm = alarm.clone();
        move || {
            producer.push(b"1", 1).unwrap();
            alarm.look_after_commit().is_open()
        }
    }

    fn commit_against(ends: fn(&Alarm)) {
        check(move || {
            let alarm = Arc::new(Alarm::new());
            let (producer, consumer) = ring::new(8).unwrap();
            let logging = thread::spawn(log_once(&alarm, producer));
            ends(&alarm);
            let seen = consumer.committed() == 1;
            assert!(seen || !logging.join().unwrap());
        });
    }

    /// A record whose thread saw the writer open is seen by who closed it.
    #[test]
    fn log_commit_against_close() {
        commit_against(|alarm| {
            alarm.close();
        });
    }

    /// Or counted as lost by who broke it.
    #[test]
    fn log_commit_against_break() {
        commit_against(|alarm| {
            alarm.break_off();
            alarm.settle();
        });
    }

    /// The same for a drain that learns of the close by the word itself, perhaps before who closes has passed the barrier: it looks for records for the last
    /// time, and there are none.
    #[test]
    fn log_commit_against_close_as_the_drain_sees_it() {
        check(|| {
            let alarm = Arc::new(Alarm::new());
            let (producer, consumer) = ring::new(8).unwrap();
            let logging = thread::spawn(log_once(&alarm, producer));
            let closing = {
                let alarm = alarm.clone();
                thread::spawn(move || alarm.close())
            };
            if alarm.is_closed_for_all() {
                let seen = consumer.committed() == 1;
                assert!(seen || !logging.join().unwrap());
            }
            assert!(closing.join().unwrap());
        });
    }
}
