//! The reading end of a ring whose oldest records may be discarded by who writes it. See `README.md`, "The oldest go".

use super::drops::{Discarded, Dropped, Drops};
use super::front::Long;
use crate::ring::{Consumer, Producer};
use crate::sync::{Mutex, lock};
use std::collections::VecDeque;
use std::sync::Arc;

/// So many bytes are copied out before the lock is given back for a moment.
const AT_ONCE: usize = 16 * 1024;

/// Shared by the logging thread and the drain.
pub(super) struct Tail {
    inside: Mutex<Inside>,
    long: Arc<Long>,
    drops: Arc<Drops>,
    /// How many bytes are discarded at a time, or records of 64 bytes.
    share: usize,
}

struct Inside {
    consumer: Consumer,
    discarded: Discarded,
}

impl Tail {
    pub(super) fn new(consumer: Consumer, long: Arc<Long>, drops: Arc<Drops>, capacity: usize) -> Self {
        let inside = Inside { consumer, discarded: Discarded::default() };
        Self { inside: Mutex::new(inside), long, drops, share: (capacity / 16).max(1) }
    }

    /// Makes room, by the thread that writes the ring: some of the oldest records are gone, if there are any.
    pub(super) fn discard(&self) {
        let mut inside = lock(&self.inside);
        let consumer = &mut inside.consumer;
        let (oldest, end) = (consumer.released(), consumer.committed());
        let (mut records, mut bytes) = (0, 0);
        while oldest + records < end && bytes < self.share.max(1) && records <= self.share as u64 / 64 {
            let record = oldest + records;
            bytes += if consumer.is_marked(record) {
                self.long.pop().map_or(0, |record| record.len())
            } else {
                consumer.len_of(record)
            };
            records += 1;
        }
        consumer.release(records);
        if records > 0 {
            inside.discarded.count(records);
            self.drops.count_discarded(records);
        }
    }

    fn waiting(&self) -> u64 {
        let inside = lock(&self.inside);
        inside.consumer.committed() - inside.consumer.released()
    }
}

/// What the drain copies out of a ring, and into which other one.
pub(super) struct Source {
    tail: Arc<Tail>,
    /// The writing end of the side, and its list of long records.
    side: Producer,
    side_long: Arc<Long>,
    /// How many records have ever been copied out.
    copied: u64,
    /// What was discarded before the record of this number in the side.
    discarded: VecDeque<(u64, Dropped)>,
}

impl Source {
    pub(super) fn new(tail: Arc<Tail>, side: Producer, side_long: Arc<Long>) -> Self {
        Self { tail, side, side_long, copied: 0, discarded: VecDeque::new() }
    }

    /// How many records are in the ring.
    pub(super) fn waiting(&self) -> u64 {
        self.tail.waiting()
    }

    /// Moves what is committed now and stamped `latest` or before into the side, but for what is discarded meanwhile.
    pub(super) fn copy_out(&mut self, latest: u64) {
        let mut until = None;
        while self.copy_some(latest, &mut until) {}
    }

    /// False if that was all.
    fn copy_some(&mut self, latest: u64, until: &mut Option<u64>) -> bool {
        let tail = self.tail.clone();
        let mut inside = lock(&tail.inside);
        let Inside { consumer, discarded } = &mut *inside;
        let end = *until.get_or_insert_with(|| consumer.committed());
        if let Some(dropped) = discarded.take() {
            self.discarded.push_back((self.copied, dropped));
        }
        let mut bytes = 0;
        while consumer.released() < end && consumer.stamp(consumer.released()) <= latest {
            if bytes >= AT_ONCE {
                return true;
            }
            bytes += self.copy_one(consumer);
            consumer.release(1);
        }
        false
    }

    /// The oldest record, which must be there. Returns its length.
    fn copy_one(&mut self, consumer: &Consumer) -> usize {
        let number = consumer.released();
        let stamp = consumer.stamp(number);
        let record = if consumer.is_marked(number) {
            self.tail.long.pop().unwrap_or_default()
        } else {
            let record = consumer.run(number + 1, stamp, usize::MAX).bytes[0];
            if self.side.push(record, stamp).is_ok() {
                self.copied += 1;
                return record.len();
            }
            record.into()
        };
        let len = record.len();
        self.side_long.push(record);
        // There is a descriptor: the side has as many as come in a pass.
        let marked = self.side.push_mark(stamp);
        debug_assert!(marked.is_ok());
        self.copied += 1;
        len
    }

    /// What is to be told before the record of this number, if it is the next one; else where something is to be told.
    pub(super) fn tell_at(&mut self, number: u64) -> Tell {
        match self.discarded.front() {
            Some(&(at, dropped)) if at <= number => {
                self.discarded.pop_front();
                Tell::Now(dropped)
            }
            Some(&(at, _)) => Tell::Before(at),
            None => Tell::Nothing,
        }
    }
}

/// Whether something was discarded that is to be told.
pub(super) enum Tell {
    Now(Dropped),
    /// When it is this record's turn.
    Before(u64),
    Nothing,
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;
    use crate::log::front::new_ring;

    /// However small a ring was asked for: twice what it holds is copied out, before anything in the side is read.
    #[test]
    fn a_side_has_room_for_all_that_is_copied_out_in_a_pass() {
        for capacity in [0, 1, 512, 513, 1024, 1025] {
            let (mut front, mut back) = new_ring(1, capacity, Some(&Arc::new(Drops::new())), None).unwrap();
            let mut logged = 0;
            for _ in 0..2 {
                while front.push(&[], logged).is_ok() {
                    logged += 1;
                }
                back.copy_out(u64::MAX);
            }
            assert_eq!(back.consumer.committed(), logged, "of a ring of {capacity} bytes");
            assert!((0..logged).all(|record| back.consumer.stamp(record) == record));
        }
    }
}

#[cfg(all(test, aside_loom))]
mod model {
    use super::*;
    use crate::log::front::{Back, new_ring};
    use crate::sync::check;
    use loom::thread;

    /// The records in the side, with what was discarded before each.
    fn read(back: &mut Back, seen: &mut Vec<(u64, u8)>) {
        let mut before = 0;
        let end = back.consumer.committed();
        loop {
            let next = back.consumer.released();
            while let Some(Tell::Now(dropped)) = back.source.as_mut().map(|source| source.tell_at(next)) {
                before += dropped.records;
            }
            if next == end {
                break;
            }
            let run = back.consumer.run(next + 1, u64::MAX, usize::MAX);
            let bytes = run.bytes[0].to_vec();
            assert_eq!(bytes, [bytes[0]; 3], "torn");
            seen.push((std::mem::take(&mut before), bytes[0]));
            back.consumer.release(1);
        }
        seen.push((before, 0));
    }

    /// A thread with a ring of two records logs three, and discards what stands in its way, while the drain copies out: each record is copied whole
    /// and in order, or counted as discarded in its place.
    #[test]
    fn log_discard_against_copy_out() {
        check(|| {
            let drops = Arc::new(Drops::new());
            let (mut front, mut back) = new_ring(1, 8, Some(&drops), None).unwrap();
            let logging = thread::spawn(move || {
                for n in 1..=3_u8 {
                    while front.push(&[n; 3], 0).is_err() {
                        front.discard();
                    }
                }
            });
            let mut seen = Vec::new();
            back.copy_out(u64::MAX);
            read(&mut back, &mut seen);
            logging.join().unwrap();
            back.copy_out(u64::MAX);
            read(&mut back, &mut seen);
            let (mut next, mut all_discarded) = (1, 0);
            for (discarded, record) in seen {
                next += discarded;
                all_discarded += discarded;
                if record > 0 {
                    assert_eq!(u64::from(record), next);
                    next += 1;
                }
            }
            assert_eq!(next, 4, "the newest is always there");
            assert_eq!(drops.total(), all_discarded);
        });
    }
}
