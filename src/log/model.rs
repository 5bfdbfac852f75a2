//! Model-checked: rings that threads leave and others take, and a flush against a write.

use super::alarm::Alarm;
use super::flush::Flushes;
use super::front::{Back, new_ring};
use super::pool::{Kind, Pool};
use crate::sync::check;
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
        let pool = Arc::new(Pool::new(kind).0);
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
        let (mut front, mut back) = new_ring(1, 8, None, None);
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
