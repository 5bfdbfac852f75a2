//! Very many at once, sizes of all kinds, and what happens at the very moment of the end.
#![cfg(target_os = "linux")]

mod util;

use aside::Group;
use aside::log::{Order, Overflow, WriteError, Writer};
use std::io::Write;
use std::process::exit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::Duration;
use util::process::{ended_by, file, in_child};
use util::sink::{Scripted, Sink, Slow};
use util::watchdog;

const LONG: Duration = Duration::from_secs(50);
const POLICIES: [Overflow; 3] = [Overflow::Block, Overflow::DropNewest, Overflow::DropOldest];

/// Logs until the writer is closed. Returns how many were taken.
fn log_until_closed(log: &Writer) -> u64 {
    let mut taken = 0;
    loop {
        match log.write_record(b"a record\n") {
            Ok(()) => taken += 1,
            Err(WriteError::Full) => {}
            Err(WriteError::Closed) => return taken,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Threads log as the writer is closed: what was taken is written, and nobody waits for ever.
#[test]
fn what_was_taken_before_the_close_is_written() {
    let _watchdog = watchdog();
    for round in 0..1_500 {
        let written = Arc::new(AtomicU64::new(0));
        let counting = written.clone();
        let sink = Scripted(move |bytes: &[u8]| {
            let records = bytes.iter().filter(|&&byte| byte == b'\n').count();
            counting.fetch_add(records as u64, Ordering::Relaxed);
            Ok(bytes.len())
        });
        let overflow = POLICIES[round % 3];
        let order = [Order::Causal, Order::PerThread][round % 2];
        let budget = if round % 5 == 0 { 0 } else { 1 << 20 };
        let builder = Writer::builder().capacity(1024).budget(budget).overflow(overflow).order(order);
        let (log, guard) = builder.report_drops(false).sink(sink).build().unwrap();
        let start = Arc::new(Barrier::new(3));
        let threads = [(); 2].map(|()| {
            let (log, start) = (log.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                log_until_closed(&log)
            })
        });
        start.wait();
        for _ in 0..round % 500 {
            std::hint::spin_loop();
        }
        let report = guard.close(LONG);
        assert!(report.is_complete, "{report}");
        let taken: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        let discarded = if overflow == Overflow::DropOldest { report.dropped } else { 0 };
        // Each thread's last one was refused, and may be written, or lost, nevertheless.
        assert!(report.written + discarded >= taken, "round {round}: {taken} taken, {report}");
        assert!(report.written + report.lost <= taken + 2, "round {round}: {taken} taken, {report}");
        assert_eq!(report.written, written.load(Ordering::Relaxed));
    }
}

#[test]
fn thousands_of_writers_at_once() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let build = |_| Writer::builder().capacity(1024).group(&group).sink(std::io::sink()).build().unwrap();
    let writers: Vec<_> = (0..3_000).map(build).collect();
    for _ in 0..3 {
        for (log, _) in &writers {
            log.write_record(b"a record\n").unwrap();
        }
    }
    // The common one, and this thread's.
    assert!(writers.iter().all(|(log, _)| log.stats().rings == 2));
    for (_, guard) in writers {
        assert_eq!(guard.close(LONG).written, 3);
    }
}

/// How often threads of this process went to sleep, or waited.
fn switches() -> i64 {
    // SAFETY: plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the place for the answer is there.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) }, 0);
    usage.ru_nvcsw
}

/// Not all of them are woken whenever there is room for a few.
#[test]
fn many_threads_wait_for_room_in_one_ring() {
    const THREADS: usize = 500;
    const EACH: usize = 20;
    let body = || {
        let builder = Writer::builder().capacity(1024).budget(0).sink(Slow(Sink::new()));
        let (log, guard) = builder.build().unwrap();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let logging = thread::Builder::new().stack_size(64 * 1024);
                let log = || (0..EACH).for_each(|_| log.write_record(&[b'x'; 100]).unwrap());
                logging.spawn_scoped(scope, log).unwrap();
            }
        });
        let report = guard.close(LONG);
        assert!(report.is_complete);
        assert_eq!(report.written, (THREADS * EACH) as u64);
        let switches = switches();
        assert!(switches < 15 * (THREADS * EACH) as i64, "{switches} switches");
    };
    in_child("many_threads_wait_for_room_in_one_ring", |_| (), body);
}

#[test]
fn capacities_and_budgets_of_all_sizes() {
    let _watchdog = watchdog();
    const LENGTHS: [usize; 10] = [0, 1, 31, 511, 512, 513, 1024, 40_000, 1 << 19, (1 << 19) + 1];
    for overflow in POLICIES {
        for capacity in [0, 1, 63, 1 << 16, (1 << 16) + 1, 1 << 20, (1 << 20) + 1, 1 << 30, usize::MAX] {
            for budget in [0, 1, 1 << 21, usize::MAX] {
                let builder = Writer::builder().capacity(capacity).budget(budget).overflow(overflow);
                let (log, guard) = builder.report_drops(false).sink(std::io::sink()).build().unwrap();
                thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| {
                            for len in LENGTHS {
                                // There may be no room, where both threads share a ring.
                                let logged = log.write_record(&vec![b'x'; len]);
                                assert!(matches!(logged, Ok(()) | Err(WriteError::Full)));
                                log.flush_wait(LONG).unwrap();
                            }
                        });
                    }
                });
                let report = guard.close(LONG);
                assert!(report.is_complete, "{report}");
                assert_eq!(report.written + report.dropped, 2 * LENGTHS.len() as u64);
                assert!(overflow != Overflow::Block || report.dropped == 0);
            }
        }
    }
}

/// A handler of the process's end logs more than there is room for.
#[test]
fn a_handler_of_the_exit_waits_for_room() {
    static LOG: OnceLock<Writer> = OnceLock::new();
    extern "C" fn log_numbers() {
        for number in 1..2_000 {
            LOG.get().unwrap().write_record(format!("{number}\n").as_bytes()).unwrap();
        }
    }
    let ended = ended_by("a_handler_of_the_exit_waits_for_room", 7, || {
        let mut file = std::fs::File::create(file()).unwrap();
        let slow = Scripted(move |bytes: &[u8]| {
            thread::sleep(Duration::from_micros(100));
            file.write(&bytes[..bytes.len().min(500)])
        });
        let (log, guard) = Writer::builder().capacity(1024).drop_deadline(LONG).sink(slow).build().unwrap();
        std::mem::forget(guard);
        // Has this thread's locals made, which are destroyed when the handler is called.
        log.write_record(b"0\n").unwrap();
        log.flush_wait(LONG).unwrap();
        assert!(LOG.set(log).is_ok());
        // SAFETY: a function of the right signature, which is there as long as the process.
        assert_eq!(unsafe { libc::atexit(log_numbers) }, 0);
        exit(7);
    });
    if let Some(ended) = ended {
        assert!(ended.text.lines().enumerate().all(|(number, line)| line == number.to_string()));
        assert_eq!(ended.text.lines().count(), 2_000, "{}", ended.stderr);
    }
}

/// However much room there is.
#[test]
fn a_record_that_is_too_long_for_any_ring_is_refused_by_a_large_one() {
    let (log, guard) = Writer::builder().capacity(64 << 20).sink(std::io::sink()).build().unwrap();
    log.write_record(b"1\n").unwrap();
    let too_long = vec![b'x'; (16 << 20) + 1];
    assert!(matches!(log.write_record(&too_long), Err(WriteError::TooLong { .. })));
    log.write_record(&too_long[1..]).unwrap();
    assert!(guard.close(LONG).is_complete);
    assert_eq!((log.stats().written, log.stats().dropped), (2, 0));
}
