//! Model-checked: rings that threads leave and others take, a flush against a write, and the order of what passes bring.

use super::alarm::Alarm;
use super::builder::{Order, Overflow};
use super::flush::Flushes;
use super::front::{Back, Front, new_ring};
use super::pool::{Kind, Pool};
use super::shared::Shared;
use super::stand::Stand;
use crate::sync::{AtomicBool, Ordering, check, lock};
use loom::thread;
use std::sync::Arc;

/// Reads all that is there.
fn drain(rings: &mut [Back], seen: &mut Vec<u8>) {
    for ring in rings {
        let end = ring.consumer.committed();
        while ring.consumer.released() < end {
            let run = ring.consumer.run(end, u64::MAX, usize::MAX);
            let records = run.records;
            seen.extend(run.bytes.concat());
            ring.consumer.release(records);
        }
    }
}

/// Two threads take a ring, log, and leave it, each at its own pace; the drain fetches, reads, and drops rings that are free and read. No
/// record is lost with a ring, and a ring that was dropped had nobody.
#[test]
fn log_rings_are_left_and_taken_and_dropped() {
    check(|| {
        let kind = Kind { capacity: 8, budget: usize::MAX, drops: None };
        let pool = Arc::new(Pool::new(kind).unwrap().0);
        let threads: Vec<_> = (1..=2)
            .map(|n| {
                let pool = pool.clone();
                thread::spawn(move || {
                    let mut front = pool.take().unwrap();
                    front.push(&[n], 0).unwrap();
                    pool.give_back(front);
                })
            })
            .collect();
        let (mut rings, mut fetched, mut seen) = (Vec::new(), 0, Vec::new());
        let mut pass = |rings: &mut Vec<Back>| {
            rings.extend(pool.fetch_fresh(&mut fetched));
            drain(rings, &mut seen);
            let unused = pool.trim();
            let (backs, kept) = rings.drain(..).partition(|ring: &Back| unused.contains_key(&ring.number));
            *rings = kept;
            pool.put_away(unused, backs);
        };
        pass(&mut rings);
        for thread in threads {
            thread.join().unwrap();
        }
        pass(&mut rings);
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
        assert_eq!((pool.rings(), rings.len()), (1, 0), "all were free and read");
    });
}

/// A thread logs and asks for a flush, while the drain is on its way to sleep: when the flush is done, the record was written, and if the drain
/// sleeps, it was called.
#[test]
fn log_flush_against_write() {
    struct Shared {
        alarm: Alarm,
        flushes: Flushes,
    }
    check(|| {
        let shared = Arc::new(Shared { alarm: Alarm::new(), flushes: Flushes::new() });
        assert!(shared.alarm.wake());
        let (mut front, mut back) = new_ring(1, 8, None, None).unwrap();
        let logging = {
            let shared = shared.clone();
            thread::spawn(move || {
                front.push(&[1], 0).unwrap();
                // The look after the record is left out: as a thread that was told of the record does, and asks.
                let asked = shared.flushes.ask();
                (asked, shared.alarm.look_after_commit().is_asleep() && shared.alarm.wake())
            })
        };
        let mut seen = Vec::new();
        // As in a pass: the flush first, then the ring.
        let mut pass = |back: &mut Back| {
            let asked = shared.flushes.take_up();
            drain(std::slice::from_mut(back), &mut seen);
            if let Some(asked) = asked {
                assert_eq!(seen, [1], "flushed, and not written");
                shared.flushes.finish(&asked, None);
            }
        };
        pass(&mut back);
        assert!(shared.alarm.fall_asleep());
        let has_more = back.waiting() > 0 || shared.flushes.is_pending();
        let stays = has_more && shared.alarm.wake();
        let (asked, starts) = logging.join().unwrap();
        // Whoever it is that makes the next pass: there is one, unless all is done.
        if shared.flushes.outcome(&asked).is_none() {
            assert!(stays ^ starts, "exactly one drain goes on");
            pass(&mut back);
        }
        assert!(matches!(shared.flushes.outcome(&asked), Some(Ok(()))));
    });
}

/// As a thread of this ring logs.
fn log(shared: &Shared, front: &mut Front, record: u8) {
    let stamp = shared.clock.now();
    front.push(&[record], stamp).unwrap();
}

/// As a thread without a ring does.
fn log_as_guest(shared: &Shared, record: u8) {
    shared.clock.need();
    let mut guest = lock(&shared.guest);
    let stamp = shared.clock.now();
    guest.push(&[record], stamp).unwrap();
}

/// A thread logs to one ring after the other, while a pass looks at them in the same order, and has something to bring in any case: it must not bring what
/// is behind in the ring that it comes to late, without what is before in the one that it came to early.
fn log_two_rings_against_a_pass(overflow: Overflow) {
    check(move || {
        let stand = Stand::new(Order::Causal, overflow);
        let (mut early, mut late) = (stand.front(), stand.front());
        log(&stand.shared, &mut early, 1);
        let shared = stand.shared.clone();
        let logging = thread::spawn(move || {
            log(&shared, &mut early, 2);
            log(&shared, &mut late, 3);
        });
        stand.pass();
        logging.join().unwrap();
        assert_eq!(stand.finish(), [1, 2, 3]);
    });
}

#[test]
fn log_order_of_two_rings_against_a_pass() {
    log_two_rings_against_a_pass(Overflow::Block);
}

#[test]
fn log_order_of_two_rings_against_a_pass_that_copies_out() {
    log_two_rings_against_a_pass(Overflow::DropOldest);
}

/// The same, with a ring that is made during the pass, or the guests' ring, for what comes first.
fn log_other_ring_against_a_pass(order: Order, first: fn(&Shared), second: fn(&Shared, &mut Front)) {
    check(move || {
        let stand = Stand::new(order, Overflow::Block);
        let mut own = stand.front();
        let shared = stand.shared.clone();
        let logging = thread::spawn(move || {
            first(&shared);
            second(&shared, &mut own);
        });
        stand.pass();
        logging.join().unwrap();
        assert_eq!(stand.finish(), [1, 2]);
    });
}

#[test]
fn log_order_of_a_new_ring_against_a_pass() {
    let first = |shared: &Shared| log(shared, &mut shared.take_front().unwrap(), 1);
    log_other_ring_against_a_pass(Order::Causal, first, |shared, own| log(shared, own, 2));
}

#[test]
fn log_order_of_the_guests_ring_against_a_pass() {
    let first = |shared: &Shared| log_as_guest(shared, 1);
    log_other_ring_against_a_pass(Order::Causal, first, |shared, own| log(shared, own, 2));
}

/// Without stamps a thread may go from its own ring to the guests'.
#[test]
fn log_order_per_thread_against_a_pass() {
    check(|| {
        let stand = Stand::new(Order::PerThread, Overflow::Block);
        let mut own = stand.front();
        let shared = stand.shared.clone();
        let logging = thread::spawn(move || {
            log(&shared, &mut own, 1);
            log_as_guest(&shared, 2);
        });
        stand.pass();
        logging.join().unwrap();
        assert_eq!(stand.finish(), [1, 2]);
    });
}

/// The first thread logs without stamps until another one has a ring; what it logs after it knows of a record of that one stands behind.
#[test]
fn log_order_as_stamps_become_needed() {
    check(|| {
        let stand = Stand::new(Order::Causal, Overflow::Block);
        let mut own = stand.front();
        let told = Arc::new(AtomicBool::new(false));
        let other = {
            let (shared, told) = (stand.shared.clone(), told.clone());
            thread::spawn(move || {
                log(&shared, &mut shared.take_front().unwrap(), 2);
                // Release: pairs with the acquire below.
                told.store(true, Ordering::Release);
            })
        };
        let shared = stand.shared.clone();
        let first = thread::spawn(move || {
            log(&shared, &mut own, 1);
            let knows = told.load(Ordering::Acquire);
            log(&shared, &mut own, 3);
            knows
        });
        stand.pass();
        let knows = first.join().unwrap();
        other.join().unwrap();
        let written = stand.finish();
        let place = |record| written.iter().position(|&other| other == record).unwrap();
        assert_eq!(written.len(), 3);
        assert!(place(1) < place(3) && (!knows || place(2) < place(3)), "{written:?}");
    });
}
