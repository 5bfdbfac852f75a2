//! What is logged comes out whole, once, and in order.

mod util;

use aside::log::{Order, WriteError, Writer};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use util::sink::{Sink, Slow};
use util::watchdog;

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
    let shelf = Sink::new();
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

/// Around half the ring, the ring, and the longest there may be.
#[test]
fn records_of_all_lengths_come_out_whole() {
    let _watchdog = watchdog();
    const LONGEST: usize = 16 << 20;
    let sink = Sink::new();
    let (log, guard) = Writer::builder().capacity(1024).sink(sink.clone()).build().unwrap();
    let lengths = (0..2_100).chain([LONGEST - 1, LONGEST, 0, LONGEST, 1]);
    let record = |len: usize| vec![b'a' + (len % 26) as u8; len];
    for len in lengths.clone() {
        log.write_record(&record(len)).unwrap();
    }
    for len in [LONGEST + 1, 2 * LONGEST] {
        match log.write_record(&record(len)) {
            Err(WriteError::TooLong { len: told, longest }) => assert_eq!((told, longest), (len, LONGEST)),
            other => panic!("{other:?}"),
        }
    }
    let report = guard.close(LONG);
    assert_eq!((report.written, report.dropped, report.lost), (2_105, 0, 0));
    let written = sink.written();
    let mut rest = &written[..];
    for len in lengths {
        let (this, behind) = rest.split_at(len);
        assert!(this == record(len), "the record of {len} bytes");
        rest = behind;
    }
    assert!(rest.is_empty());
}

#[test]
fn threads_that_hand_over_to_each_other_log_in_that_order() {
    let _watchdog = watchdog();
    let shelf = Sink::new();
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
    let shelf = Sink::new();
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
    let shelf = Sink::new();
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
    let shelf = Sink::new();
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
    let shelf = Sink::new();
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

/// Longer than any record, with and without an end, behind a line and behind a piece of one.
#[test]
fn the_longest_lines_go_out_in_pieces() {
    let _watchdog = watchdog();
    let shelf = Sink::new();
    let (mut log, guard) = Writer::builder().sink(shelf.clone()).build().unwrap();
    let long = "x".repeat((16 << 20) + 10);
    let mut expected = String::new();
    for text in
        ["", "\n", "begun ", &long, &long, "\n", &format!("1\n{long}"), "\n", &format!("2\n{long}\n3")]
    {
        log.write_all(text.as_bytes()).unwrap();
        expected += text;
    }
    Write::flush(&mut log).unwrap();
    assert!(shelf.text() == expected);
    guard.close(LONG);
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
    let shelf = Sink::new();
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
    let shelf = Sink::new();
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

/// Nothing is stamped before there is a second ring. All that was logged before stands first nevertheless, and all that follows in turn.
#[test]
fn a_second_ring_comes_behind_what_was_logged_before() {
    let _watchdog = watchdog();
    // Without a budget the second thread is a guest.
    for budget in [usize::MAX, 0] {
        let sink = Sink::new();
        let builder = Writer::builder().budget(budget).sink(sink.clone());
        let (log, guard) = builder.build().unwrap();
        let stopped = sink.stop();
        log.write_record(b"0\n").unwrap();
        stopped.until_there();
        // All of this is in the rings at once, to be merged.
        let say = |n: usize| log.write_record(format!("{n}\n").as_bytes()).unwrap();
        say(1);
        say(2);
        let (first_turn, turn) = mpsc::channel();
        let (done, first_done) = mpsc::channel();
        thread::scope(|scope| {
            let say = &say;
            scope.spawn(move || {
                for n in turn {
                    say(n);
                    done.send(()).unwrap();
                }
            });
            for n in (3..40).step_by(2) {
                first_turn.send(n).unwrap();
                first_done.recv().unwrap();
                say(n + 1);
            }
            drop(first_turn);
        });
        stopped.go_on();
        assert!(guard.close(LONG).is_complete);
        let expected: Vec<String> = (0..41).map(|n| n.to_string()).collect();
        assert_eq!(sink.lines(), expected, "budget {budget}");
    }
}

/// What a thread logs while it formats a record in place goes by another ring.
#[test]
fn a_grant_comes_behind_what_was_logged_meanwhile() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (log, guard) = Writer::builder().sink(sink.clone()).build().unwrap();
    let stopped = sink.stop();
    log.write_record(b"0\n").unwrap();
    stopped.until_there();
    log.write_record(b"1\n").unwrap();
    let mut grant = log.reserve(100).unwrap();
    log.write_record(b"2\n").unwrap();
    grant.write_all(b"3\n").unwrap();
    grant.commit().unwrap();
    log.write_record(b"4\n").unwrap();
    stopped.go_on();
    assert!(guard.close(LONG).is_complete);
    assert_eq!(sink.lines(), ["0", "1", "2", "3", "4"]);
}
