//! `cancel` says whether the job ran, and is never wrong about it.

mod util;

use futures::executor::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::current;
use util::{Counter, DropCounter, expected_panic, finished_job, hold_thread, hush, panic_message_of};
use util::{single_thread_group, start_job, watchdog};

#[test]
fn a_job_cancelled_before_its_start_never_runs() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let (closures, runs) = (DropCounter::new(), Counter::new());
    let queue_one = || {
        let (token, runs) = (closures.token(), runs.clone());
        group.offload(move || {
            runs.add();
            drop(token);
        })
    };

    let waited = queue_one().cancel();
    assert_eq!(closures.threads(), [current().id()]);
    assert!(waited.never_ran());
    // Known without the worker, which is still stuck.
    assert_eq!(waited.wait(), None);
    let awaited = queue_one().cancel();
    assert_eq!(block_on(awaited), None);

    held.release();
    group.drain().wait();
    assert_eq!(runs.get(), 0);
    assert_eq!(closures.count(), 2);
    assert_eq!(group.stats().cancelled, 2);
}

#[test]
fn a_job_cancelled_while_it_runs_gives_its_output() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let waited = start_job(&group, || "ran");
    let cancel = waited.offload.cancel();
    assert!(!cancel.never_ran());
    waited.gate.open();
    assert_eq!(cancel.wait(), Some("ran"));

    let awaited = start_job(&group, || "ran");
    let cancel = awaited.offload.cancel();
    awaited.gate.open();
    assert_eq!(block_on(cancel), Some("ran"));
    assert_eq!(group.stats().cancelled, 0);
}

#[test]
fn a_job_cancelled_after_its_end_gives_its_output() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let cancel = finished_job(&group, || "ran").cancel();
    assert!(!cancel.never_ran());
    assert_eq!(cancel.wait(), Some("ran"));
    assert_eq!(block_on(finished_job(&group, || "ran").cancel()), Some("ran"));
}

#[test]
fn a_job_that_its_group_cancelled_never_ran() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let done = finished_job(&group, || ());
    let held = hold_thread(&group);
    let queued = [group.offload(|| ()), group.offload(|| ())];
    assert_eq!(group.shutdown(std::time::Duration::ZERO).cancelled, 2);
    // And those that a closed group never took.
    let refused = [group.offload(|| ()), group.offload(|| ())];
    for [waited, awaited] in [queued, refused] {
        let waited = waited.cancel();
        assert!(waited.never_ran());
        assert_eq!(waited.wait(), None);
        let awaited = awaited.cancel();
        assert!(awaited.never_ran());
        assert_eq!(block_on(awaited), None);
    }
    let done = done.cancel();
    assert!(!done.never_ran());
    assert_eq!(done.wait(), Some(()));
    held.release();
}

#[test]
fn a_panic_of_a_cancelled_job_that_ran_resumes() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let panicking = || finished_job(&group, || -> u8 { expected_panic("in the job") });
    assert!(panic_message_of(|| panicking().cancel().wait()).ends_with("in the job"));
    assert!(panic_message_of(|| block_on(panicking().cancel())).ends_with("in the job"));
}

#[test]
fn a_dropped_cancel_forgets_the_output_once() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let outputs = DropCounter::new();
    let job = start_job(&group, {
        let token = outputs.token();
        move || token
    });
    drop(job.offload.cancel());
    job.gate.open();
    group.drain().wait();
    assert_eq!(outputs.threads(), [job.thread]);
}

#[test]
fn cancellers_and_workers_agree_on_who_was_first() {
    const JOBS: usize = 10_000;
    /// The workers come from the front, the canceller from the back of each batch: they meet somewhere inside.
    const BATCH: usize = 50;
    let _watchdog = watchdog();
    let group = aside::Group::builder().max_threads(2).build().unwrap();
    let closures = DropCounter::new();
    let (mut ran, mut cancelled) = (0, 0);
    for _ in 0..JOBS / BATCH {
        let runs: Arc<[AtomicU8; BATCH]> = Arc::new([const { AtomicU8::new(0) }; BATCH]);
        let offloads: Vec<_> = (0..BATCH)
            .map(|n| {
                let (runs, token) = (runs.clone(), closures.token());
                group.offload(move || {
                    runs[n].fetch_add(1, Ordering::SeqCst);
                    drop(token);
                    n
                })
            })
            .collect();
        let cancels: Vec<_> = offloads.into_iter().rev().map(|offload| offload.cancel()).collect();
        for (n, cancel) in (0..BATCH).rev().zip(cancels) {
            let never_ran = cancel.never_ran();
            // One half each by future and by wait.
            let output = if n % 2 == 0 { cancel.wait() } else { block_on(cancel) };
            match output {
                Some(output) => {
                    assert_eq!((output, never_ran, runs[n].load(Ordering::SeqCst)), (n, false, 1));
                    ran += 1;
                }
                None => {
                    assert_eq!((never_ran, runs[n].load(Ordering::SeqCst)), (true, 0));
                    cancelled += 1;
                }
            }
        }
    }
    group.drain().wait();
    let stats = group.stats();
    assert_eq!((stats.finished, stats.cancelled, stats.submitted), (ran, cancelled, JOBS));
    assert_eq!(closures.count(), JOBS);
}
