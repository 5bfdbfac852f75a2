//! A shutdown in the middle of submitting: every accepted job ran or was cancelled, every rejected closure came back, and
//! nothing hangs.
#![cfg(unix)]

mod util;

use aside::{Deadline, Group, JobError, Offload};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use util::process::eventually;
use util::{DropCounter, hush, watchdog};

const SUBMITTERS: usize = 8;
const JOBS: usize = 60;

/// What became of the jobs of one submitter.
#[derive(Default)]
struct Fates {
    ran: usize,
    cancelled: usize,
    rejected: usize,
    /// Detached: nobody but the group knows.
    unknown: usize,
}

fn round(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut builder = Group::builder().min_threads(random.usize(0..2)).max_threads(random.usize(1..4));
    if random.bool() {
        builder = builder.queue_limit(random.usize(1..8));
    }
    if random.bool() {
        builder = builder.keep_alive(Duration::ZERO);
    }
    let memory = Arc::new(());
    let in_hook = memory.clone();
    let group = builder.on_thread_stop(move || drop(in_hook.clone())).build().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let drops = DropCounter::new();
    let start = Arc::new(Barrier::new(SUBMITTERS + 1));

    let submitting: Vec<_> = (0..SUBMITTERS)
        .map(|submitter| {
            let (group, runs, drops, start) = (group.clone(), runs.clone(), drops.clone(), start.clone());
            std::thread::spawn(move || {
                let job = || {
                    let (runs, token) = (runs.clone(), drops.token());
                    move || {
                        runs.fetch_add(1, Ordering::Relaxed);
                        drop(token);
                    }
                };
                let mut fates = Fates::default();
                let mut offloads: Vec<Offload<()>> = Vec::new();
                start.wait();
                let mut n = 0;
                while n < JOBS {
                    n += 1;
                    match (submitter + n) % 5 {
                        0 => offloads.push(group.offload(job())),
                        1 => match group.try_offload(job()) {
                            Ok(offload) => offloads.push(offload),
                            Err(rejected) => {
                                drop(rejected.into_job());
                                fates.rejected += 1;
                            }
                        },
                        2 => match group.offload_wait(job()).wait() {
                            Ok(offload) => offloads.push(offload),
                            Err(rejected) => {
                                assert!(rejected.is_closed());
                                drop(rejected.into_job());
                                fates.rejected += 1;
                            }
                        },
                        3 => {
                            n += 2;
                            offloads.extend(group.offload_all([job(), job(), job()]));
                        }
                        _ => {
                            group.offload(job()).detach();
                            fates.unknown += 1;
                        }
                    }
                }
                for offload in offloads {
                    match offload.catch().wait() {
                        Ok(()) => fates.ran += 1,
                        Err(JobError::Cancelled) => fates.cancelled += 1,
                        Err(JobError::Panicked(panic)) => panic.resume(),
                    }
                }
                (n, fates)
            })
        })
        .collect();

    start.wait();
    for _ in 0..random.usize(0..2_000) {
        std::hint::spin_loop();
    }
    let deadline = [Deadline::NEVER, Duration::ZERO.into(), Duration::from_millis(1).into()];
    let left = group.shutdown(deadline[random.usize(0..3)]);
    let mut all = 0;
    let mut fates = Fates::default();
    for thread in submitting {
        let (n, one) = thread.join().unwrap();
        all += n;
        fates.ran += one.ran;
        fates.cancelled += one.cancelled;
        fates.rejected += one.rejected;
        fates.unknown += one.unknown;
    }
    // Until now jobs may run, and late ones be refused; after this nothing is left.
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
    let runs = runs.load(Ordering::Relaxed);
    let stats = group.stats();
    assert_eq!(drops.count(), all, "each closure is dropped once");
    assert_eq!(all, fates.ran + fates.cancelled + fates.rejected + fates.unknown);
    assert!((fates.ran..=fates.ran + fates.unknown).contains(&runs), "{runs} ran");
    assert_eq!(stats.finished, runs);
    assert_eq!(stats.submitted, stats.finished + stats.cancelled, "{stats:?}");
    assert!(stats.cancelled >= left.cancelled);
    assert_eq!((stats.threads, stats.queued, stats.running, stats.idle), (0, 0, 0, 0), "{stats:?}");
    drop(group);
    eventually("no job is left behind that keeps the group's memory", || Arc::strong_count(&memory) == 1);
}

#[test]
fn against_eight_submitters() {
    for seed in 0..300 {
        let _watchdog = watchdog();
        round(seed);
    }
}

/// A closed group drops a job without a word, also one that it had taken half-way, and whatever its destructor does.
#[test]
fn a_panicking_destructor_never_reaches_who_submits() {
    hush();
    for round in 0..400 {
        let _watchdog = watchdog();
        let mut random = fastrand::Rng::with_seed(round);
        let group = Group::builder().min_threads(random.usize(0..2)).max_threads(2).build().unwrap();
        let closures = DropCounter::new();
        let start = Arc::new(Barrier::new(3));
        let submitting: Vec<_> = (0..2)
            .map(|submitter| {
                let (group, closures, start) = (group.clone(), closures.clone(), start.clone());
                std::thread::spawn(move || {
                    let job = || {
                        let bomb = closures.bomb();
                        // Only those that never run go off.
                        move || std::mem::forget(bomb)
                    };
                    start.wait();
                    let mut offloads = Vec::new();
                    // Until the group is closed, and a few after that.
                    let mut late = 0;
                    while late < 3 {
                        late += usize::from(group.is_closed());
                        if submitter == 0 {
                            offloads.push(group.offload(job()));
                        } else {
                            offloads.extend(group.offload_all([job(), job(), job()]));
                        }
                    }
                    offloads.into_iter().filter_map(|offload| offload.catch().wait().err()).count()
                })
            })
            .collect();
        start.wait();
        for _ in 0..random.usize(0..500) {
            std::hint::spin_loop();
        }
        if random.bool() {
            group.close();
        } else {
            let _ = group.shutdown(Duration::ZERO);
        }
        let cancelled: usize = submitting.into_iter().map(|thread| thread.join().expect("no panic")).sum();
        assert!(group.shutdown(Deadline::NEVER).is_nothing());
        assert_eq!(closures.count(), cancelled);
    }
}
