//! What is logged comes out whole, once, and in order.

mod util;

use aside::log::{Order, Overflow, Writer};
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use util::watchdog;

/// A sink that can be read.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<u8>>>);

impl Shelf {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Shelf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes its time, and a part of what it is given.
struct Slow(Shelf);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_micros(100));
        self.0.write(&bytes[..bytes.len().min(7_001)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes nothing before the gate is open.
struct Held(util::Gate);

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.pass();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const LONG: Duration = Duration::from_secs(60);

fn assert_in_order(lines: &[String], threads: usize, each: usize) {
    let mut next = vec![0; threads];
    for line in lines {
        let mut words = line.split(' ');
        let thread: usize = words.next().unwrap().parse().unwrap();
        let number: usize = words.next().unwrap().parse().unwrap();
        let rest = words.next().unwrap();
        assert_eq!(rest.len(), number * 7 % 300, "torn");
        assert_eq!(number, next[thread], "thread {thread}");
        next[thread] += 1;
    }
    assert_eq!(next, vec![each; threads]);
}

fn flood(order: Order, capacity: usize) {
    let _watchdog = watchdog();
    let shelf = Shelf::default();
    let builder = Writer::builder().order(order).capacity(capacity).sink(Slow(shelf.clone()));
    let (log, guard) = builder.build().unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let log = log.clone();
            scope.spawn(move || {
                for number in 0..3_000 {
                    let line = format!("{thread} {number} {}\n", "x".repeat(number * 7 % 300));
                    log.write_record(line.as_bytes()).unwrap();
                }
            });
        }
    });
    let report = guard.close(LONG);
    assert!(report.is_complete, "{report}");
    assert_eq!((report.written, report.dropped, report.lost), (12_000, 0, 0));
    assert_in_order(&shelf.lines(), 4, 3_000);
}

#[test]
fn nothing_is_lost_in_a_flood() {
    flood(Order::Causal, 16 * 1024);
}

#[test]
fn nothing_is_lost_in_a_flood_with_order_per_thread() {
    flood(Order::PerThread, 4 * 1024);
}

/// Every other record takes the way of those too long for the ring.
#[test]
fn long_records_stay_in_order() {
    for order in [Order::Causal, Order::PerThread] {
        flood(order, 1);
    }
}

#[test]
fn threads_that_hand_over_to_each_other_log_in_that_order() {
    let _watchdog = watchdog();
    let shelf = Shelf::default();
    let (log, guard) = Writer::builder().sink(shelf.clone()).build().unwrap();
    let turn = AtomicUsize::new(0);
    const TURNS: usize = 40_000;
    thread::scope(|scope| {
        for me in 0..2 {
            let (log, turn) = (&log, &turn);
            scope.spawn(move || {
                loop {
                    let now = turn.load(Ordering::Acquire);
                    if now >= TURNS {
                        return;
                    }
                    if now % 2 != me {
                        std::hint::spin_loop();
                        if now % 64 == 0 {
                            thread::yield_now();
                        }
                        continue;
                    }
                    log.write_record(format!("{now}\n").as_bytes()).unwrap();
                    turn.store(now + 1, Ordering::Release);
                }
            });
        }
    });
    drop(guard);
    let lines = shelf.lines();
    assert_eq!(lines.len(), TURNS);
    for (expected, line) in lines.iter().enumerate() {
        assert_eq!(line, &expected.to_string());
    }
}

#[test]
fn ten_thousand_short_threads_leave_nothing_behind() {
    let _watchdog = watchdog();
    let shelf = Shelf::default();
    let (log, guard) = Writer::builder().capacity(4096).sink(shelf.clone()).build().unwrap();
    for wave in 0..500 {
        thread::scope(|scope| {
            for n in 0..20 {
                let log = &log;
                scope.spawn(move || log.write_record(format!("{}\n", wave * 20 + n).as_bytes()).unwrap());
            }
        });
    }
    log.flush_wait(LONG).unwrap();
    let mut numbers: Vec<usize> = shelf.lines().iter().map(|line| line.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..10_000));
    // The common ring, and some for new threads.
    util::process::eventually("few rings are left", || {
        log.write_record(b"").unwrap();
        thread::sleep(Duration::from_millis(2));
        log.stats().rings <= 1 + 8 + 1
    });
    drop(guard);
}

#[test]
fn threads_beyond_the_budget_share_a_ring() {
    let _watchdog = watchdog();
    let shelf = Shelf::default();
    let builder = Writer::builder().capacity(1024).budget(4096).sink(shelf.clone());
    let (log, guard) = builder.build().unwrap();
    let all_there = std::sync::Barrier::new(8);
    thread::scope(|scope| {
        for thread in 0..8 {
            let (log, all_there) = (&log, &all_there);
            scope.spawn(move || {
                all_there.wait();
                for number in 0..500 {
                    let line = format!("{thread} {number} {}\n", "x".repeat(number * 7 % 300));
                    log.write_record(line.as_bytes()).unwrap();
                }
                all_there.wait();
            });
        }
    });
    assert!(log.stats().threads_without_ring >= 6, "{:?}", log.stats());
    assert!(guard.close(LONG).is_complete);
    assert_in_order(&shelf.lines(), 8, 500);
}

#[test]
fn a_thread_local_logs_as_it_is_destroyed() {
    struct Last(Writer);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.write_record(b"last words\n").unwrap();
        }
    }
    thread_local! {
        static EARLY: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
        static LATE: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
    }
    let _watchdog = watchdog();
    let shelf = Shelf::default();
    let (log, guard) = Writer::builder().sink(shelf.clone()).build().unwrap();
    let in_thread = log.clone();
    thread::spawn(move || {
        // One is destroyed before the thread's ring, and one after.
        EARLY.set(Some(Last(in_thread.clone())));
        in_thread.write_record(b"first words\n").unwrap();
        LATE.set(Some(Last(in_thread)));
    })
    .join()
    .unwrap();
    drop(guard);
    assert_eq!(shelf.lines(), ["first words", "last words", "last words"]);
}

#[test]
fn lines_are_gathered_up_to_the_newline() {
    let shelf = Shelf::default();
    let (mut log, guard) = Writer::builder().sink(shelf.clone()).build().unwrap();
    log.write_all(b"be").unwrap();
    log.write_all(b"gun").unwrap();
    log.clone().write_all(b"another\n").unwrap();
    log.write_all(b" and ended\nnext").unwrap();
    log.write_all(b" one\n").unwrap();
    write!(&log, "unfinished").unwrap();
    Write::flush(&mut log).unwrap();
    assert_eq!(shelf.lines(), ["another", "begun and ended", "next one", "unfinished"]);
    assert_eq!(guard.close(LONG).written, 4);
}

#[test]
fn a_grant_is_written_in_place_and_left_without_a_trace() {
    grants(Order::Causal);
}

#[test]
fn grants_stay_in_order_without_stamps() {
    grants(Order::PerThread);
}

fn grants(order: Order) {
    use std::fmt::Write as _;
    let _watchdog = watchdog();
    let shelf = Shelf::default();
    let (log, guard) = Writer::builder().order(order).capacity(1024).sink(shelf.clone()).build().unwrap();
    for n in 0..100 {
        let mut grant = log.reserve(100).unwrap();
        grant.write_str(&n.to_string()).unwrap();
        // Logged while the ring is on loan.
        log.write_record(b"between\n").unwrap();
        assert!(grant.write_str(&"y".repeat(100)).is_err());
        grant.write_char('\n').unwrap();
        grant.commit().unwrap();
        let mut forgotten = log.reserve(50).unwrap();
        forgotten.write_str("never").unwrap();
        drop(forgotten);
        let mut long = log.reserve(2_000).unwrap();
        long.write_str(&format!("{}\n", "z".repeat(1_500))).unwrap();
        long.commit().unwrap();
    }
    drop(guard);
    let expected: Vec<String> =
        (0..100).flat_map(|n| ["between".to_owned(), n.to_string(), "z".repeat(1_500)]).collect();
    assert_eq!(shelf.lines(), expected);
}

#[test]
fn flush_reaches_up_to_the_call() {
    let _watchdog = watchdog();
    let shelf = Shelf::default();
    let (log, guard) = Writer::builder().sink(Slow(shelf.clone())).build().unwrap();
    for n in 0..200 {
        log.write_record(format!("{n}\n").as_bytes()).unwrap();
        if n % 2 == 0 {
            log.flush_wait(LONG).unwrap();
        } else {
            futures::executor::block_on(log.flush()).unwrap();
        }
        assert_eq!(shelf.lines().len(), n + 1);
        if n % 20 == 0 {
            // The drain falls asleep meanwhile.
            thread::sleep(Duration::from_millis(3));
        }
    }
    drop(guard);
    log.flush_wait(LONG).unwrap();
}

#[test]
fn what_is_dropped_is_told_in_the_log() {
    let _watchdog = watchdog();
    let shelf = Shelf::default();
    let builder = Writer::builder().capacity(1024).overflow(Overflow::DropNewest).sink(Slow(shelf.clone()));
    let (log, guard) = builder.build().unwrap();
    let refused = (0..5_000).filter(|n| log.write_record(format!("{n}\n").as_bytes()).is_err()).count();
    let report = guard.close(LONG);
    assert!(refused > 0);
    assert_eq!((report.dropped, report.written), (refused as u64, 5_000 - refused as u64));
    let told: usize = shelf
        .lines()
        .iter()
        .filter_map(|line| {
            line.strip_prefix("[aside: ")?.strip_suffix(" records dropped]")?.parse::<usize>().ok()
        })
        .sum();
    assert_eq!(told, refused);
}

#[test]
fn a_record_may_wait_where_others_are_dropped() {
    let _watchdog = watchdog();
    let shelf = Shelf::default();
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
    let gate = util::Gate::new();
    let (log, guard) = Writer::builder().capacity(1024).sink(Held(gate.clone())).build().unwrap();
    let record = [b'x'; 100];
    let refused = (0..2_000).find_map(|_| log.write_record_with(&record, Overflow::DropNewest).err());
    assert!(matches!(refused, Some(aside::log::WriteError::Full)));
    gate.open();
    log.write_record(&record).unwrap();
    assert_eq!(guard.close(LONG).dropped, 1);
}
