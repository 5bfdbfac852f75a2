//! The ring against a plain queue, with records of any size.

use super::{Full, Producer, Slab, footprint, new};
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::thread;

fn record(random: &mut fastrand::Rng, longest: usize) -> Vec<u8> {
    let len = match random.u8(..10) {
        0 => 0,
        1 => longest,
        2 => random.usize(longest / 2..=longest),
        _ => random.usize(..longest.min(300)),
    };
    (0..len).map(|_| random.u8(..)).collect()
}

#[test]
fn random_sizes_come_out_as_they_went_in() {
    // The interpreter that checks unsafe code takes its time.
    let (seeds, records) = if cfg!(miri) { (1, 150) } else { (40, 3_000) };
    for seed in 0..seeds {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut producer, mut consumer) = new(1024 << random.u32(..4)).unwrap();
        let mut queue: VecDeque<(Vec<u8>, u64)> = VecDeque::new();
        for stamp in 0..records {
            if random.bool() {
                let record = record(&mut random, producer.longest());
                if random.bool() && producer.push_at_once(&record, stamp) {
                    queue.push_back((record, stamp));
                    continue;
                }
                // Reserved generously at times, as by who formats.
                let most = (record.len() + random.usize(..32)).min(producer.longest());
                match producer.reserve(most) {
                    Ok(space) => {
                        assert_eq!(space.len(), most);
                        space[..record.len()].copy_from_slice(&record);
                        producer.commit(record.len(), stamp);
                        queue.push_back((record, stamp));
                    }
                    Err(Full) => assert!(!queue.is_empty(), "an empty ring is full: seed {seed}"),
                }
            } else {
                let end = consumer.released() + random.u64(..=consumer.committed() - consumer.released());
                let latest = stamp.saturating_sub(random.u64(..20));
                let most_bytes = random.usize(..2_000);
                let run = consumer.run(end, latest, most_bytes);
                let mut bytes = run.bytes.concat();
                assert!(run.len() <= most_bytes || run.records == 1);
                let records = run.records;
                if records == 0 && end > consumer.released() {
                    assert!(queue[0].1 > latest, "nothing, for no reason: seed {seed}");
                }
                for (index, (record, stamp)) in queue.drain(..records as usize).enumerate() {
                    assert_eq!(consumer.stamp(consumer.released() + index as u64), stamp);
                    assert_eq!(consumer.len_of(consumer.released() + index as u64), record.len());
                    assert!(stamp <= latest);
                    assert_eq!(bytes.drain(..record.len()).collect::<Vec<_>>(), record, "seed {seed}");
                }
                assert!(bytes.is_empty());
                consumer.release(records);
            }
        }
        while !queue.is_empty() {
            let run = consumer.run(consumer.committed(), u64::MAX, usize::MAX);
            let records = run.records;
            assert!(records > 0);
            let expected: Vec<u8> = queue.drain(..records as usize).flat_map(|(record, _)| record).collect();
            assert_eq!(run.bytes.concat(), expected);
            consumer.release(records);
        }
        assert!(producer.is_drained());
    }
}

#[test]
fn easy_records_of_every_length() {
    let (mut producer, mut consumer) = new(1 << 16).unwrap();
    let bytes: Vec<u8> = (0..=255).chain(0..=255).collect();
    for begin in 0..=256 {
        assert!(
            producer.push_at_once(&bytes[begin..2 * begin], 0),
            "an empty ring has room for {begin} bytes"
        );
        assert_eq!(consumer.run(consumer.committed(), 0, usize::MAX).bytes[0], &bytes[begin..2 * begin]);
        consumer.release(1);
    }
    assert!(!producer.push_at_once(&[0; 300], 0), "copied by a call");
}

#[test]
fn a_run_is_one_slice_up_to_the_end_and_another_behind_it() {
    let (mut producer, mut consumer) = new(1024).unwrap();
    for n in 0..10_u8 {
        producer.push(&[n; 100], 0).unwrap();
    }
    assert_eq!(consumer.run(10, 0, 1000).bytes.map(<[u8]>::len), [1000, 0]);
    consumer.release(9);
    producer.push(&[10; 100], 0).unwrap();
    let run = consumer.run(11, 0, usize::MAX);
    assert_eq!(run.bytes, [&[9; 100][..], &[10; 100]]);
    assert_eq!(run.records, 2);
}

#[test]
fn a_mark_ends_a_run() {
    let (mut producer, mut consumer) = new(1024).unwrap();
    producer.push(b"before", 1).unwrap();
    producer.push_mark(2).unwrap();
    producer.push(b"after", 3).unwrap();
    let run = consumer.run(3, u64::MAX, usize::MAX);
    assert_eq!(run.records, 1);
    consumer.release(1);
    let run = consumer.run(3, u64::MAX, usize::MAX);
    assert_eq!(run.records, 0);
    consumer.release(1);
    assert_eq!(consumer.run(3, u64::MAX, usize::MAX).bytes[0], b"after");
}

#[test]
fn too_long_a_record_is_refused() {
    let (mut producer, _consumer) = new(1024).unwrap();
    assert_eq!(producer.longest(), 512);
    assert!(std::panic::catch_unwind(AssertUnwindSafe(|| producer.reserve(513).is_ok())).is_err());
}

fn push(producer: &mut Producer, record: &[u8]) {
    while !producer.push_at_once(record, 0) && producer.push(record, 0) == Err(Full) {
        thread::yield_now();
    }
}

#[test]
fn between_two_threads() {
    const ALL: u64 = if cfg!(miri) { 300 } else { 100_000 };
    let (mut producer, mut consumer) = new(1024).unwrap();
    let writer = thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(7);
        for n in 0..ALL {
            let mut record = n.to_le_bytes().to_vec();
            record.resize(8 + random.usize(..300), n as u8);
            push(&mut producer, &record);
        }
    });
    let mut next = 0_u64;
    while next < ALL {
        let run = consumer.run(consumer.committed(), u64::MAX, usize::MAX);
        let records = run.records;
        let bytes = run.bytes.concat();
        let mut rest = &bytes[..];
        for index in 0..records {
            let (record, behind) = rest.split_at(consumer.len_of(consumer.released() + index));
            assert_eq!(record[..8], next.to_le_bytes());
            assert!(record[8..].iter().all(|&byte| byte == next as u8));
            (rest, next) = (behind, next + 1);
        }
        consumer.release(records);
        if records == 0 {
            thread::yield_now();
        }
    }
    writer.join().unwrap();
}

#[test]
fn rings_of_a_slab_do_not_touch_each_other_and_keep_it() {
    for seed in 0..if cfg!(miri) { 1 } else { 10 } {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut slab = Slab::new().unwrap();
        let region = slab.watch();
        let mut rings = Vec::new();
        let mut left = Slab::BYTES;
        loop {
            if cfg!(miri) && rings.len() == 4 {
                break;
            }
            let capacity = random.usize(..if cfg!(miri) { 3_000 } else { 600_000 });
            match slab.cut(capacity) {
                Some(ends) => rings.push(ends),
                None => {
                    assert!(footprint(capacity) > left, "there is room");
                    break;
                }
            }
            left -= footprint(capacity);
        }
        drop(slab);
        // All of each, and again, so that everything is used.
        for lap in 0..if cfg!(miri) { 1 } else { 3 } {
            for (n, (producer, _)) in rings.iter_mut().enumerate() {
                let half = vec![(n + lap) as u8; producer.longest()];
                producer.push(&half, n as u64).unwrap();
                producer.push(&half, n as u64).unwrap();
                while producer.push_mark(n as u64).is_ok() {}
            }
            for (n, (producer, consumer)) in rings.iter_mut().enumerate() {
                let end = consumer.committed();
                let run = consumer.run(end, n as u64, usize::MAX);
                assert_eq!((run.records, run.len()), (2, 2 * producer.longest()));
                assert!(run.bytes.concat().iter().all(|&byte| byte == (n + lap) as u8));
                assert!((consumer.released()..end).all(|record| consumer.stamp(record) == n as u64));
                consumer.release(end - consumer.released());
            }
        }
        while let Some((producer, consumer)) = rings.pop() {
            drop(producer);
            assert!(region.upgrade().is_some());
            drop(consumer);
        }
        assert!(region.upgrade().is_none(), "the last ring is gone");
    }
}
