//! Model-checked: a commit against a release, with slots and bytes that are used again.

use super::{Full, Producer};
use crate::sync::{Mutex, check, lock, yield_now};
use loom::thread;
use std::sync::Arc;

fn push(producer: &mut Producer, record: &[u8], stamp: u64) {
    while !producer.push_at_once(record, stamp) && producer.push(record, stamp) == Err(Full) {
        yield_now();
    }
}

/// Two slots and eight bytes for four records: each place is used twice.
#[test]
fn ring_records_arrive_whole_and_in_order() {
    check(|| {
        let (mut producer, mut consumer) = super::new(8).unwrap();
        let writer = thread::spawn(move || {
            for n in 1..=4_u8 {
                push(&mut producer, &[n; 3], u64::from(n));
            }
        });
        let mut next = 1;
        while next <= 4 {
            let committed = consumer.committed();
            let run = consumer.run(committed, u64::MAX, usize::MAX);
            let records = run.records;
            if records == 0 {
                yield_now();
                continue;
            }
            assert_eq!(run.len() as u64, 3 * records);
            for (index, bytes) in run.bytes.concat().chunks(3).enumerate() {
                assert_eq!(bytes, [next + index as u8; 3]);
            }
            assert_eq!(consumer.stamp(consumer.released()), u64::from(next));
            next += records as u8;
            consumer.release(records);
        }
        writer.join().unwrap();
    });
}

/// A thread ends and leaves its end of the ring to another one, under a lock, while the consumer is at it.
#[test]
fn ring_changes_its_thread() {
    check(|| {
        let (mut producer, mut consumer) = super::new(8).unwrap();
        let pool = Arc::new(Mutex::new(None));
        let first = {
            let pool = pool.clone();
            thread::spawn(move || {
                push(&mut producer, &[1; 3], 0);
                *lock(&pool) = Some(producer);
            })
        };
        let early = consumer.run(consumer.committed(), u64::MAX, usize::MAX).records;
        consumer.release(early);
        let mut producer = loop {
            let free = lock(&pool).take();
            match free {
                Some(producer) => break producer,
                None => yield_now(),
            }
        };
        push(&mut producer, &[2; 3], 0);
        let run = consumer.run(consumer.committed(), u64::MAX, usize::MAX);
        let records = run.records;
        let expected = [[1; 3], [2; 3]].concat();
        assert_eq!(run.bytes.concat(), expected[3 * early as usize..]);
        consumer.release(records);
        assert!(producer.is_drained());
        first.join().unwrap();
    });
}
