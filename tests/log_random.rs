//! Everything at once, at random: what comes out is checked against what was logged.

mod util;

use aside::log::{Order, Overflow, Reaction, Writer};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;
use util::sink::{Scripted, Sink};
use util::{Gate, watchdog};

const LONG: Duration = Duration::from_secs(50);

/// A record, and when its call began and returned, on a clock that all threads see.
type Call = (u64, u64, u64);

const IDLE: usize = 20;

static CLOCK: AtomicU64 = AtomicU64::new(0);
static NUMBER: AtomicU64 = AtomicU64::new(0);

fn text(number: u64, len: usize) -> String {
    format!("{number} {}\n", "x".repeat(len))
}

fn call(calls: &mut Vec<Call>, log: impl FnOnce(u64) -> bool) {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let begin = CLOCK.fetch_add(1, Ordering::SeqCst);
    if log(number) {
        calls.push((number, begin, CLOCK.fetch_add(1, Ordering::SeqCst)));
    }
}

fn log_at_random(log: &Writer, random: &mut fastrand::Rng, count: usize) -> Vec<Call> {
    let mut calls = Vec::new();
    for _ in 0..count {
        match random.u8(..12) {
            // Half of the ring and more goes another way.
            0 => call(&mut calls, |n| log.write_record(text(n, random.usize(480..3_000)).as_bytes()).is_ok()),
            1 => {
                let (mut one, mut other) = (log.reserve(200).unwrap(), log.reserve(100).unwrap());
                if random.bool() {
                    call(&mut calls, |n| log.write_record(text(n, 10).as_bytes()).is_ok());
                }
                call(&mut calls, |n| {
                    one.write_all(text(n, random.usize(..150)).as_bytes()).unwrap();
                    one.commit().is_ok()
                });
                if random.bool() {
                    call(&mut calls, |n| {
                        other.write_all(text(n, random.usize(..50)).as_bytes()).unwrap();
                        other.commit().is_ok()
                    });
                }
            }
            2 => {
                call(&mut calls, |n| (&mut &*log).write_all(text(n, random.usize(..100)).as_bytes()).is_ok())
            }
            3 => log.flush_wait(LONG).unwrap(),
            4 => thread::yield_now(),
            _ => call(&mut calls, |n| log.write_record(text(n, random.usize(..100)).as_bytes()).is_ok()),
        }
    }
    calls
}

/// Of any two calls of which one returned before the other began, the records stand in that order.
fn assert_causal(lines: &[String], calls: &HashMap<u64, (u64, u64)>) {
    let mut earliest_end = u64::MAX;
    for line in lines.iter().rev().filter(|line| !line.starts_with('[')) {
        let (number, rest) = line.split_once(' ').unwrap();
        assert!(rest.bytes().all(|byte| byte == b'x'), "torn: {line}");
        // Refused, and yet written.
        let Some(&(begin, end)) = calls.get(&number.parse().unwrap()) else { panic!("refused: {line}") };
        assert!(begin < earliest_end, "{line} stands before a record that was logged before");
        earliest_end = earliest_end.min(end);
    }
}

fn causal(overflow: Overflow, budget: usize, seed: u64) {
    let shelf = Sink::new();
    let builder = Writer::builder().capacity(1024).budget(budget).overflow(overflow).order(Order::Causal);
    let (log, guard) = builder.sink(shelf.clone()).build().unwrap();
    let all = Mutex::new(HashMap::new());
    let end = Gate::new();
    // A thread that logs, and then ends, or stays, with its ring.
    let logs = |random: &mut fastrand::Rng, count, stays| {
        let (log, mut random, end) = (log.clone(), random.fork(), end.clone());
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            tell.send(log_at_random(&log, &mut random, count)).unwrap();
            if stays {
                end.pass();
            }
        });
        let calls: Vec<Call> = told.recv().unwrap();
        all.lock().unwrap().extend(calls.into_iter().map(|(n, begin, end)| (n, (begin, end))));
    };
    thread::scope(|scope| {
        for thread in 0..4 {
            let logs = &logs;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed * 10 + thread);
                // Rings that are idle: a snapshot of them all takes a while, and what is logged meanwhile is in a part of it.
                (0..IDLE).for_each(|_| logs(&mut random, 1, true));
                for _ in 0..10 {
                    let (count, stays) = (random.usize(1..200), random.bool());
                    logs(&mut random, count, stays);
                }
            });
        }
    });
    end.open();
    let report = guard.close(LONG);
    let all = all.lock().unwrap();
    let lines = shelf.lines();
    assert_causal(&lines, &all);
    let written = lines.iter().filter(|line| !line.starts_with('[')).count();
    assert_eq!(written as u64, report.written);
    match overflow {
        Overflow::DropNewest => assert_eq!(report.written, all.len() as u64),
        _ => assert_eq!(report.written + report.dropped, all.len() as u64),
    }
}

#[test]
fn all_ways_to_log_keep_the_causal_order() {
    let _watchdog = watchdog();
    for seed in 0..10 {
        for overflow in [Overflow::Block, Overflow::DropOldest] {
            for budget in [0, 10_000, usize::MAX] {
                causal(overflow, budget, seed);
            }
        }
    }
}

/// A sink that takes parts, fails, and is full at times: each record is written whole, or counted as lost.
#[test]
fn of_a_bad_sink_each_record_is_written_or_counted() {
    let _watchdog = watchdog();
    for seed in 0..60 {
        let written = Arc::new(Mutex::new(Vec::new()));
        let (out, mut random) = (written.clone(), fastrand::Rng::with_seed(seed));
        let sink = Scripted(move |bytes: &[u8]| match random.u8(..10) {
            0 => Err(ErrorKind::Interrupted.into()),
            1 => Err(ErrorKind::WouldBlock.into()),
            2 | 3 => Err(io::Error::other("at times")),
            _ => {
                let mut taken = if random.bool() { bytes.len() } else { random.usize(1..=bytes.len()) };
                // What is torn before its newline would look as if it were whole.
                taken += usize::from(bytes.get(taken) == Some(&b'\n'));
                out.lock().unwrap().extend_from_slice(&bytes[..taken]);
                Ok(taken)
            }
        });
        let overflow = [Overflow::Block, Overflow::DropNewest, Overflow::DropOldest][seed as usize % 3];
        let builder = Writer::builder().capacity(4096).overflow(overflow).report_drops(false);
        let builder = builder.on_error(|error, attempt| {
            assert_eq!(error.kind(), ErrorKind::Other);
            if attempt < 2 { Reaction::Retry } else { Reaction::Drop }
        });
        let (log, guard) = builder.sink(sink).build().unwrap();
        let mut random = fastrand::Rng::with_seed(seed);
        let lens: Vec<usize> = (0..3_000)
            .map(|_| if random.u8(..20) == 0 { random.usize(..6_000) } else { random.usize(..100) })
            .collect();
        for (number, len) in lens.iter().enumerate() {
            let _ = log.write_record(text(number as u64, *len).as_bytes());
            if random.u8(..50) == 0 {
                log.flush_wait(LONG).unwrap();
            }
        }
        let report = guard.close(LONG);
        assert!(report.is_complete);
        assert_eq!(report.written + report.dropped + report.lost, lens.len() as u64, "{report}");
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let mut whole = 0;
        for line in text.lines() {
            // Torn amid the number.
            let Some((number, rest)) = line.split_once(' ') else {
                assert!(line.parse::<usize>().is_ok(), "{line:?}");
                continue;
            };
            assert!(rest.bytes().all(|byte| byte == b'x'), "torn otherwise than at its end: {line:?}");
            whole += u64::from(rest.len() == lens[number.parse::<usize>().unwrap()]);
        }
        assert_eq!(whole, report.written, "{report}");
    }
}
