//! What memory the rings take, and who touches it first.
#![cfg(target_os = "linux")]

mod util;

use aside::log::{Order, Overflow, Writer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::hint::black_box;
use std::io::ErrorKind;
use std::sync::Barrier;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use util::allocations::{Counting, allocations};
use util::process::{eventually, in_child, memory, resident};
use util::{Gate, watchdog};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many page faults this thread has had that the system did without the disk.
fn page_faults() -> i64 {
    // SAFETY: plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the place for the answer is there.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) }, 0);
    usage.ru_minflt
}

/// Threads one after another, and all stay: the drain has time to prepare a ring for each.
#[test]
fn a_first_record_allocates_nothing_and_comes_to_no_new_page() {
    let _watchdog = watchdog();
    for (order, overflow) in [
        (Order::Causal, Overflow::Block),
        (Order::PerThread, Overflow::Block),
        (Order::Causal, Overflow::DropOldest),
    ] {
        let build =
            || Writer::builder().order(order).overflow(overflow).sink(std::io::sink()).build().unwrap();
        let (log, guard) = build();
        let others = [build(), build()];
        let end = Gate::new();
        // What each first record that found the drain awake took: page faults and allocations.
        let mut records = Vec::new();
        thread::scope(|scope| {
            while records.len() < 20 {
                let (teller, told) = mpsc::channel();
                let (log, others, end) = (&log, &others, &end);
                scope.spawn(move || {
                    // What a thread's first records to any writers take: its stack, and its list of rings.
                    for (other, _) in others {
                        other.write_record(&[b'-'; 100]).unwrap();
                    }
                    let (faults, allocated, wakes) = (page_faults(), allocations(), log.stats().wakes);
                    log.write_record(&[b'x'; 100]).unwrap();
                    let (faults, allocated) = (page_faults() - faults, allocations() - allocated);
                    // To wake the drain takes a job.
                    let found_awake = log.stats().wakes == wakes;
                    teller.send(found_awake.then_some((faults, allocated))).unwrap();
                    end.pass();
                });
                records.extend(told.recv().unwrap());
                // The drain prepares between the pass that the first flush waits for and the next one.
                for _ in 0..2 {
                    for log in [log, &others[0].0, &others[1].0] {
                        log.flush_wait(Duration::from_secs(20)).unwrap();
                    }
                }
            }
            end.open();
        });
        assert_eq!(records, [(0, 0); 20], "{order:?}, {overflow:?}");
        assert!(guard.close(Duration::from_secs(20)).is_complete);
    }
}

#[test]
fn the_memory_of_threads_that_are_gone_is_given_back() {
    in_child(
        "the_memory_of_threads_that_are_gone_is_given_back",
        |_| (),
        || {
            const MIB: usize = 1 << 20;
            let (log, guard) = Writer::builder().sink(std::io::sink()).build().unwrap();
            let before = resident();
            let end = Gate::new();
            thread::scope(|scope| {
                let (told, tell) = mpsc::channel();
                for _ in 0..120 {
                    let (log, end, told) = (&log, &end, told.clone());
                    scope.spawn(move || {
                        for _ in 0..5_000 {
                            log.write_record(&[b'x'; 100]).unwrap();
                        }
                        told.send(()).unwrap();
                        end.pass();
                    });
                }
                tell.iter().take(120).for_each(drop);
                assert!(resident() - before > 30 * MIB, "120 rings");
                end.open();
            });
            eventually("the rings' memory is given back", || {
                log.write_record(b"a record\n").unwrap();
                resident().saturating_sub(before) < 8 * MIB
            });
            assert!(guard.close(Duration::from_secs(20)).is_complete);
        },
    );
}

/// From now on the process may write to so many bytes more, and to none behind that. Returns what it might before.
fn limit_memory(rest: usize) -> Rlimit {
    let before = getrlimit(Resource::Data);
    let limit = Some((memory("VmData") + rest) as u64);
    setrlimit(Resource::Data, Rlimit { current: limit, ..before }).unwrap();
    before
}

/// As when the budget is spent; and a writer that has no memory for its first ring is not made.
#[test]
fn threads_that_there_is_no_memory_for_share_a_ring() {
    const MIB: usize = 1 << 20;
    let body = || {
        for overflow in [Overflow::Block, Overflow::DropOldest] {
            let build = || {
                Writer::builder().capacity(64 * MIB).budget(usize::MAX).overflow(overflow).sink(Vec::new())
            };
            let (log, guard) = build().build().unwrap();
            let (limited, started) = (Gate::new(), Barrier::new(4));
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        // The allocator takes memory for each thread, at its first use.
                        drop(black_box(vec![1]));
                        started.wait();
                        limited.pass();
                        log.write_record(b"a record\n").unwrap();
                    });
                }
                started.wait();
                // A ring fits in there, but not with its side, where it has one.
                let before = limit_memory(if overflow == Overflow::Block { 16 * MIB } else { 128 * MIB });
                let refused = build().build().map(drop);
                limited.open();
                eventually("all are logged", || log.stats().written == 3);
                setrlimit(Resource::Data, before).unwrap();
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::OutOfMemory);
            });
            assert_eq!(log.stats().threads_without_ring, 3);
            assert!(guard.close(Duration::from_secs(20)).is_complete);
        }
    };
    in_child("threads_that_there_is_no_memory_for_share_a_ring", |_| (), body);
}

/// Nor does it cost the budget anything.
#[test]
fn a_slab_that_there_is_no_memory_for_is_not_counted() {
    let body = || {
        let (log, guard) = Writer::builder().budget(4 << 20).sink(std::io::sink()).build().unwrap();
        let (started, end) = (Barrier::new(9), Gate::new());
        let turns: Vec<_> = (0..8).map(|_| Gate::new()).collect();
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            for turn in &turns {
                let (log, started, end, tell) = (&log, &started, &end, tell.clone());
                scope.spawn(move || {
                    drop(black_box(vec![1]));
                    started.wait();
                    turn.pass();
                    log.write_record(b"a record\n").unwrap();
                    tell.send(()).unwrap();
                    end.pass();
                });
            }
            started.wait();
            let log_of = |turns: &[Gate]| {
                turns.iter().for_each(Gate::open);
                turns.iter().for_each(|_| told.recv().unwrap());
                // The drain prepares between the pass that the first one waits for and the next one.
                (0..2).for_each(|_| log.flush_wait(Duration::from_secs(20)).unwrap());
            };
            let limits = limit_memory(1 << 20);
            log_of(&turns[..5]);
            setrlimit(Resource::Data, limits).unwrap();
            assert_eq!(log.stats().rings, 6);
            log_of(&turns[5..]);
            end.open();
        });
        assert_eq!(log.stats().threads_without_ring, 0);
        assert!(guard.close(Duration::from_secs(20)).is_complete);
    };
    in_child("a_slab_that_there_is_no_memory_for_is_not_counted", |_| (), body);
}
