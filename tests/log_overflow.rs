//! More is logged than there is room for: what is dropped, what waits, and what the log tells of it.

mod util;

use aside::log::{Order, Overflow, Reaction, WriteError, Writer};
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};
use util::sink::{Scripted, Sink, Slow, held_by};
use util::{Gate, watchdog};

const LONG: Duration = Duration::from_secs(50);

/// How many records were dropped, if a line tells it.
fn told(line: &str) -> Option<usize> {
    let (records, times) =
        line.strip_prefix("[aside: ")?.strip_suffix("]")?.split_once(" dropped between ")?;
    let (first, last) = times.split_once(" and ")?;
    assert!(first.ends_with('Z') && first.len() == last.len() && first <= last, "{line}");
    Some(records.split(' ').next()?.parse().unwrap())
}

#[test]
fn what_is_dropped_is_told_in_the_log() {
    drop_newest(1024);
}

/// A write takes long here, and the ring fills meanwhile.
#[test]
fn what_is_dropped_during_a_write_is_told_behind_what_came_before() {
    drop_newest(1 << 16);
}

fn drop_newest(capacity: usize) {
    const ALL: usize = 20_000;
    let _watchdog = watchdog();
    let shelf = Sink::new();
    let reported = Arc::new(Mutex::new(Vec::new()));
    let reports = reported.clone();
    let begin = SystemTime::now();
    let builder =
        Writer::builder().capacity(capacity).overflow(Overflow::DropNewest).sink(Slow(shelf.clone()));
    let builder = builder.on_drop(move |dropped| reports.lock().unwrap().push(*dropped));
    let (log, guard) = builder.build().unwrap();
    let refused: Vec<usize> =
        (0..ALL).filter(|n| log.write_record(format!("{n:0100}\n").as_bytes()).is_err()).collect();
    let report = guard.close(LONG);
    let end = SystemTime::now();
    assert!(!refused.is_empty());
    assert_eq!((report.dropped, report.written), (refused.len() as u64, (ALL - refused.len()) as u64));

    // Each report stands behind what came before the last record that it counts.
    let (mut all_told, mut written) = (0, 0);
    for line in shelf.lines() {
        match told(&line) {
            Some(records) => {
                all_told += records;
                let last = refused[all_told - 1];
                assert!(written >= last + 1 - all_told, "{line}: {written} before, and {last} dropped");
            }
            None => written += 1,
        }
    }
    assert_eq!(all_told, refused.len());
    let reported = reported.lock().unwrap();
    assert_eq!(reported.iter().map(|dropped| dropped.records).sum::<u64>(), refused.len() as u64);
    for dropped in &*reported {
        assert!(begin <= dropped.first && dropped.first <= dropped.last && dropped.last <= end);
    }
}

#[test]
fn drops_are_told_by_a_sleeping_drain_or_not_at_all_if_so_wished() {
    let _watchdog = watchdog();
    for report in [true, false] {
        let shelf = Sink::new();
        let log: Arc<OnceLock<Writer>> = Arc::default();
        let (inner, mut out) = (log.clone(), shelf.clone());
        // Logs from inside, until that is refused.
        let sink = Scripted(move |bytes: &[u8]| {
            let log = inner.get().unwrap();
            if log.stats().dropped == 0 {
                while log.write_record(&[b'x'; 100]).is_ok() {}
            }
            out.write(bytes)
        });
        let (writer, _guard) =
            Writer::builder().capacity(1024).report_drops(report).sink(sink).build().unwrap();
        log.set(writer.clone()).unwrap();
        writer.write_record(b"1\n").unwrap();
        util::process::eventually("all is written", || writer.stats().written > 5);
        writer.flush_wait(LONG).unwrap();
        let told = shelf.lines().iter().filter(|line| line.contains("1 record dropped between ")).count();
        assert_eq!(told, usize::from(report));
    }
}

#[test]
fn a_record_may_wait_where_others_are_dropped() {
    let _watchdog = watchdog();
    let shelf = Sink::new();
    let builder = Writer::builder().capacity(1024).overflow(Overflow::DropNewest).sink(Slow(shelf.clone()));
    let (log, guard) = builder.build().unwrap();
    let mut dropped = 0;
    for n in 0..5_000 {
        dropped += usize::from(log.write_record(format!("minor {n}\n").as_bytes()).is_err());
        if n % 10 == 0 {
            log.write_record_with(format!("major {n}\n").as_bytes(), Overflow::Block).unwrap();
        }
    }
    assert!(dropped > 0);
    assert_eq!(guard.close(LONG).dropped, dropped as u64);
    let lines = shelf.lines();
    let major: Vec<&String> = lines.iter().filter(|line| line.starts_with("major")).collect();
    assert_eq!(major.len(), 500);
    assert!(major.iter().enumerate().all(|(n, line)| **line == format!("major {}", n * 10)));
}

#[test]
fn a_record_may_be_dropped_where_others_wait() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let (log, guard) = Writer::builder().capacity(1024).sink(held_by(&gate)).build().unwrap();
    let record = [b'x'; 100];
    let refused = (0..2_000).find_map(|_| log.write_record_with(&record, Overflow::DropNewest).err());
    assert!(matches!(refused, Some(WriteError::Full)));
    gate.open();
    log.write_record(&record).unwrap();
    assert_eq!(guard.close(LONG).dropped, 1);
}

/// Numbers that were logged in a row: each is there, or counted as missing before the next one that is.
fn assert_gaps_are_told(lines: &[String], all: usize) -> usize {
    let (mut next, mut dropped) = (0, 0);
    for line in lines {
        match told(line) {
            Some(records) => {
                next += records;
                dropped += records;
            }
            None => {
                let (number, rest) = line.split_once(' ').unwrap();
                assert_eq!(number.parse(), Ok(next), "after {dropped} dropped");
                assert_eq!(rest.len(), next * 7 % 1_100, "torn");
                next += 1;
            }
        }
    }
    assert_eq!(next, all, "the newest are there");
    dropped
}

fn line(number: usize) -> String {
    format!("{number} {}\n", "x".repeat(number * 7 % 1_100))
}

#[test]
fn the_oldest_go_and_the_log_tells_so_in_their_place() {
    let _watchdog = watchdog();
    // So that some, or all, records are longer than the ring takes.
    for (order, capacity) in
        [(Order::Causal, 1024), (Order::Causal, 4096), (Order::PerThread, 4096), (Order::Causal, 1 << 16)]
    {
        let sink = Sink::new();
        let (log, guard) = Writer::builder()
            .order(order)
            .capacity(capacity)
            .overflow(Overflow::DropOldest)
            .sink(Slow(sink.clone()))
            .build()
            .unwrap();
        const ALL: usize = 20_000;
        for number in 0..ALL {
            if number % 3 == 0 {
                let mut grant = log.reserve(1_200).unwrap();
                grant.write_all(line(number).as_bytes()).unwrap();
                grant.commit().unwrap();
            } else {
                log.write_record(line(number).as_bytes()).unwrap();
            }
            if number % 5_000 == 0 {
                log.flush_wait(LONG).unwrap();
            }
        }
        let report = guard.close(LONG);
        assert!(report.is_complete, "{report}");
        let dropped = assert_gaps_are_told(&sink.lines(), ALL);
        assert!(dropped > 0);
        assert_eq!((report.dropped, report.written), (dropped as u64, (ALL - dropped) as u64));
    }
}

#[test]
fn a_stuck_sink_leaves_the_newest() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let stopped = sink.stop();
    let builder = Writer::builder().capacity(4096).overflow(Overflow::DropOldest).sink(sink.clone());
    let (log, guard) = builder.build().unwrap();
    log.write_record(line(0).as_bytes()).unwrap();
    stopped.until_there();
    for number in 1..100_000 {
        log.write_record(line(number).as_bytes()).unwrap();
    }
    stopped.go_on();
    assert!(guard.close(LONG).is_complete);
    let dropped = assert_gaps_are_told(&sink.lines(), 100_000);
    assert!(dropped > 99_000, "{dropped}");
}

/// A grant that is given up has made room; no record comes after what it has cost.
#[test]
fn what_went_for_nothing_is_told_as_well() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let stopped = sink.stop();
    let builder = Writer::builder().capacity(1024).overflow(Overflow::DropOldest).sink(sink.clone());
    let (log, guard) = builder.build().unwrap();
    log.write_record(&[b'x'; 300]).unwrap();
    stopped.until_there();
    // Two of these have no room, behind the first.
    log.write_record(&[b'x'; 512]).unwrap();
    drop(log.reserve(512).unwrap());
    stopped.go_on();
    log.flush_wait(LONG).unwrap();
    assert!(sink.text().contains("[aside: 1 record dropped between "), "{}", sink.text());
    assert_eq!(guard.close(LONG).written, 1);
}

/// What is given back in the end is less than what is worth a wake-up in between.
#[test]
fn who_waits_for_room_is_told_of_a_little() {
    let _watchdog = watchdog();
    for order in [Order::Causal, Order::PerThread] {
        let (log, guard) =
            Writer::builder().capacity(1024).order(order).sink(std::io::sink()).build().unwrap();
        log.write_record(&[b'x'; 313]).unwrap();
        log.flush_wait(LONG).unwrap();
        log.write_record(&[b'x'; 200]).unwrap();
        // In one piece: in the next lap, where the 200 bytes are in the way.
        log.write_record(&[b'x'; 512]).unwrap();
        assert_eq!(guard.close(LONG).written, 3);
    }
}

/// What was copied is out of the way while the sink takes its time: for what was copied together, or what is written behind that, from where it lies or as one long record.
#[test]
fn there_is_room_during_a_write() {
    let _watchdog = watchdog();
    for (lens, each) in [(&[14_000; 5][..], 100), (&[20_000], 100), (&[40_000], 40_000)] {
        let (sink, end) = (Sink::new(), Gate::new());
        let first = sink.stop();
        let builder = Writer::builder().capacity(1 << 15).overflow(Overflow::DropNewest).sink(sink.clone());
        let (log, guard) = builder.build().unwrap();
        log.write_record(b"1\n").unwrap();
        first.until_there();
        let mut second = sink.stop();
        // Less than who waits would be woken for, ...
        (0..60).for_each(|_| log.write_record(b"2\n").unwrap());
        thread::scope(|scope| {
            for len in lens {
                let (log, end, (tell, told)) = (&log, &end, mpsc::channel());
                scope.spawn(move || {
                    (0..len / each).for_each(|_| log.write_record(&vec![b'x'; each]).unwrap());
                    tell.send(()).unwrap();
                    end.pass();
                });
                told.recv().unwrap();
            }
            // ... and until the ring is full: few bytes, as these fill the descriptors.
            while log.write_record(b"2\n").is_ok() {}
            first.go_on();
            // The flush behind the first write; then the second write.
            second.until_there();
            let third = sink.stop();
            std::mem::replace(&mut second, third).go_on();
            second.until_there();
            let logged = log.write_record(b"3\n");
            second.go_on();
            end.open();
            logged.unwrap();
        });
        assert_eq!(guard.close(LONG).dropped, 1);
    }
}

/// Threads in a flood, some of them without a ring of their own, and one that logs from inside the sink.
#[test]
fn the_oldest_of_many_threads_go() {
    let _watchdog = watchdog();
    const EACH: usize = 30_000;
    let sink = Sink::new();
    let log: Arc<OnceLock<Writer>> = Arc::default();
    let (inner, mut out) = (log.clone(), sink.clone());
    let mut said = 0;
    let scripted = Scripted(move |bytes: &[u8]| {
        if said < 2_000 {
            said += 1;
            let logged = inner.get().unwrap().write_record(&[b'-'; 300]);
            assert!(matches!(logged, Ok(()) | Err(WriteError::Closed)));
        }
        out.write(bytes)
    });
    let builder = Writer::builder().capacity(1024).budget(12_000).overflow(Overflow::DropOldest);
    let (writer, guard) = builder.on_error(|_, _| Reaction::Drop).sink(scripted).build().unwrap();
    log.set(writer.clone()).unwrap();
    thread::scope(|scope| {
        for thread in 0..5 {
            let writer = &writer;
            scope.spawn(move || {
                for number in 0..EACH {
                    writer.write_record(format!("{thread} {number}\n").as_bytes()).unwrap();
                }
            });
        }
    });
    let report = guard.close(LONG);
    assert!(report.is_complete, "{report}");
    assert!(writer.stats().threads_without_ring > 0);
    let mut next = [0; 5];
    let (mut all_told, mut written) = (0, 0);
    for line in sink.lines() {
        // Those of the sink have no newline.
        let line = line.trim_start_matches('-');
        if let Some(records) = told(line) {
            all_told += records;
        } else if !line.is_empty() {
            let (thread, number) = line.split_once(' ').unwrap();
            let (thread, number): (usize, usize) = (thread.parse().unwrap(), number.parse().unwrap());
            assert!(number >= next[thread], "out of order");
            next[thread] = number + 1;
            written += 1;
        }
    }
    assert_eq!(all_told as u64, report.dropped);
    assert!(written as u64 <= report.written && report.written + report.dropped >= 5 * EACH as u64);
}
