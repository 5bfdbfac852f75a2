//! The job that makes passes while there is something to bring, and sleeps when there is not. See `README.md`, "Park and wake".

use super::drain::Backend;
use super::front::is_draining;
use super::shared::Shared;
use crate::patience::pause;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After a pass that brought so much, the next one follows at once.
const BUSY: usize = 32 * 1024;
/// After one that brought so much, records come at a rate that would fill a ring during a nap: ...
const STEADY: usize = 8 * 1024;
/// ... the next pass follows soon, without one. Long enough for a write to be worth its call.
const HOLD_OFF: Duration = Duration::from_micros(10);
/// Between two looks at quiet rings. A look takes cache lines from the logging threads.
const NAP: Duration = if cfg!(aside_loom) { Duration::ZERO } else { Duration::from_micros(50) };
/// So long after the last record the drain falls asleep. Loom has no clock.
const LINGER: Duration = if cfg!(aside_loom) { Duration::ZERO } else { Duration::from_micros(500) };

/// Queues a drain. The caller has cleared the alarm's sleep.
pub(super) fn start(shared: &Arc<Shared>) {
    let job = Drain { shared: shared.clone(), ran: false };
    shared.group.offload(move || job.run()).detach();
}

struct Drain {
    shared: Arc<Shared>,
    ran: bool,
}

impl Drop for Drain {
    /// Refused, or cancelled: there is nobody to write any more.
    fn drop(&mut self) {
        if !self.ran && !self.shared.is_orphaned() {
            self.shared.break_off(io::Error::other("the log writer's group takes no more jobs"));
            // Who makes a pass just now, on this thread, holds the sink.
            if !is_draining(self.shared.id) {
                self.shared.end();
            }
        }
    }
}

impl Drain {
    fn run(mut self) {
        self.ran = true;
        let shared = &self.shared;
        let mut quiet_since = None;
        loop {
            // Looked at before the pass: what was committed before it was closed is then brought.
            let is_closed = shared.alarm.is_closed_for_all();
            let Some(brought) = shared.with_backend(|backend| backend.pass(shared)) else { return };
            if shared.is_orphaned() {
                return;
            }
            if shared.alarm.look().is_broken() {
                return shared.end();
            }
            // Behind the pass: that comes first.
            shared.pool.prepare();
            if brought.0 > 0 {
                quiet_since = None;
                match brought.0 {
                    BUSY.. => {}
                    STEADY.. if shared.group.core().may_linger() => pause(HOLD_OFF),
                    _ => shared.nap.take(NAP, || is_in_a_hurry(shared)),
                }
                continue;
            }
            if is_closed && !shared.has_more() {
                return shared.end();
            }
            if quiet_since.get_or_insert_with(Instant::now).elapsed() < LINGER {
                shared.nap.take(NAP, || is_in_a_hurry(shared));
                continue;
            }
            trim(shared);
            // Either a thread that commits now sees that the drain sleeps, or its record is seen here.
            if shared.alarm.fall_asleep() && !(is_wanted(shared) && shared.alarm.wake()) {
                // Somebody may have called for another drain, and found this one's look in the way of helping.
                shared.wake_waiting();
                return;
            }
            quiet_since = None;
        }
    }
}

fn is_in_a_hurry(shared: &Shared) -> bool {
    shared.room.has_waiting() || shared.is_asked() || !shared.alarm.look().is_fine()
}

/// Whether the drain must not sleep.
fn is_wanted(shared: &Shared) -> bool {
    shared.has_more() || !shared.alarm.look().is_open()
}

fn trim(shared: &Shared) {
    let unused = shared.pool.trim();
    if !unused.is_empty() {
        let forget = |backend: &mut Backend| backend.forget(|number| unused.contains_key(&number));
        let backs = shared.with_backend(forget).unwrap_or_default();
        shared.pool.put_away(unused, backs);
    }
}

#[cfg(all(test, aside_loom))]
mod model {
    use super::super::builder::{Order, Overflow};
    use super::super::stand::Stand;
    use super::*;
    use crate::sync::{check, check_bounded, counting_waker};
    use loom::thread;
    use std::sync::atomic::Ordering;

    fn drain(shared: &Arc<Shared>) {
        Drain { shared: shared.clone(), ran: false }.run();
    }

    /// A thread takes a ring and logs as the drain comes to its end, and starts another one if it finds none: then all is written.
    #[test]
    fn log_record_against_a_drain_that_leaves() {
        check(|| {
            let stand = Stand::new(Order::PerThread, Overflow::Block);
            let shared = stand.shared.clone();
            assert!(shared.alarm.wake());
            let logging = {
                let shared = shared.clone();
                thread::spawn(move || {
                    shared.take_front().unwrap().push(&[1], 0).unwrap();
                    shared.alarm.look_after_commit().is_asleep() && shared.alarm.wake()
                })
            };
            drain(&shared);
            if logging.join().unwrap() {
                drain(&shared);
            }
            assert!(shared.alarm.look().is_asleep());
            assert_eq!(stand.written(), [1]);
        });
    }

    /// A thread logs, another one closes the writer: the drain writes what was taken, and comes to its end.
    #[test]
    fn log_record_and_close_against_a_drain_that_leaves() {
        check(|| {
            let stand = Stand::new(Order::PerThread, Overflow::Block);
            let shared = stand.shared.clone();
            let mut front = stand.front();
            assert!(shared.alarm.wake());
            let logging = {
                let shared = shared.clone();
                thread::spawn(move || {
                    front.push(&[1], 0).unwrap();
                    let seen = shared.alarm.look_after_commit();
                    (seen.is_open(), seen.is_asleep() && shared.alarm.wake())
                })
            };
            let closing = {
                let shared = shared.clone();
                thread::spawn(move || {
                    shared.alarm.close();
                    shared.flushes.ask();
                    shared.alarm.look_after_commit().is_asleep() && shared.alarm.wake()
                })
            };
            drain(&shared);
            let (is_taken, starts) = logging.join().unwrap();
            let also_starts = closing.join().unwrap();
            assert!(!(starts && also_starts) || shared.has_ended());
            if starts || also_starts {
                drain(&shared);
            }
            assert!(shared.has_ended());
            assert!(!is_taken || stand.written() == [1]);
        });
    }

    /// A thread logs, the group refuses the drain, and a third one comes to the end of the writer before who broke it off has passed the barrier: what was taken
    /// is counted as lost.
    #[test]
    fn log_record_against_who_finds_it_broken() {
        check(|| {
            let stand = Stand::new(Order::PerThread, Overflow::Block);
            let shared = stand.shared.clone();
            let mut front = stand.front();
            let logging = {
                let shared = shared.clone();
                thread::spawn(move || {
                    front.push(&[1], 0).unwrap();
                    shared.alarm.look_after_commit().is_open()
                })
            };
            let breaking = {
                let shared = shared.clone();
                thread::spawn(move || shared.break_off(io::ErrorKind::Other.into()))
            };
            shared.help();
            let is_taken = logging.join().unwrap();
            breaking.join().unwrap();
            shared.end();
            let stats = shared.stats();
            assert!(!is_taken || stats.written + stats.lost == 1);
        });
    }

    /// Who asks as the drain leaves may find it at the backend still, so that it cannot help; and the drain that it starts may be queued behind its own job.
    /// Then it is woken to help once more.
    #[test]
    fn log_help_against_a_drain_that_leaves() {
        check_bounded(3, || {
            let stand = Stand::new(Order::PerThread, Overflow::Block);
            let shared = stand.shared.clone();
            assert!(shared.alarm.wake());
            let asking = {
                let shared = shared.clone();
                thread::spawn(move || {
                    let (woken, waker) = counting_waker();
                    shared.take_front().unwrap().push(&[1], 0).unwrap();
                    let asked = shared.flushes.ask();
                    // Queues another one, which does not run here.
                    let _ = shared.alarm.look_after_commit().is_asleep() && shared.alarm.wake();
                    let mut ticket = None;
                    shared.waiters.register(&mut ticket, &waker);
                    shared.help();
                    (asked, woken)
                })
            };
            drain(&shared);
            let (asked, woken) = asking.join().unwrap();
            assert!(
                shared.flushes.outcome(&asked).is_some() || woken.0.load(Ordering::Relaxed) > 0,
                "waits for ever"
            );
        });
    }
}
