//! Dropping a handle cancels a job that has not started, and forgets the output of one that has.

mod util;

use aside::Offload;
use std::sync::{Arc, Mutex};
use std::thread::current;
use util::{Counter, DropCounter, finished_job, hold_thread, single_thread_group, start_job, watchdog};

#[test]
fn a_queued_job_is_dropped_at_once_on_the_dropping_thread() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let closures = DropCounter::new();
    let runs = Counter::new();
    let queue_one = || {
        let (token, runs) = (closures.token(), runs.clone());
        group.offload(move || {
            runs.add();
            drop(token);
        })
    };

    drop(queue_one());
    assert_eq!(closures.threads(), [current().id()]);
    // Every future over the job cancels likewise.
    drop(queue_one().catch());
    assert_eq!(closures.threads(), [current().id(); 2]);

    held.release();
    group.drain().wait();
    assert_eq!(runs.get(), 0);
    assert_eq!(closures.count(), 2);
    assert_eq!(group.stats().cancelled, 2);
}

#[test]
fn a_running_job_finishes_and_its_output_is_dropped_on_the_offload_thread() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (outputs, runs) = (DropCounter::new(), Counter::new());
    let job = start_job(&group, {
        let (token, runs) = (outputs.token(), runs.clone());
        move || {
            runs.add();
            token
        }
    });
    drop(job.offload);
    assert_eq!(outputs.count(), 0);
    job.gate.open();
    group.drain().wait();
    assert_eq!(runs.get(), 1);
    assert_eq!(outputs.threads(), [job.thread]);
    assert_eq!(group.stats().cancelled, 0);
}

#[test]
fn a_finished_job_drops_its_output_with_its_handle() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let outputs = DropCounter::new();
    let offload = finished_job(&group, {
        let token = outputs.token();
        move || token
    });
    assert_eq!(outputs.count(), 0);
    drop(offload);
    assert_eq!(outputs.threads(), [current().id()]);
}

#[test]
fn an_output_that_was_taken_is_the_takers_alone() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let outputs = DropCounter::new();
    let queue_one = || {
        let token = outputs.token();
        group.offload(move || token)
    };
    let taken =
        [queue_one().wait(), futures::executor::block_on(queue_one()), queue_one().catch().wait().unwrap()];
    group.drain().wait();
    assert_eq!(outputs.count(), 0);
    drop(taken);
    assert_eq!(outputs.count(), 3);
}

#[test]
fn cancelled_jobs_behind_a_stuck_worker_give_their_room_back() {
    const JOBS: usize = 10_000;
    let _watchdog = watchdog();
    let group = aside::Group::builder().max_threads(1).queue_limit(JOBS).build().unwrap();
    let held = hold_thread(&group);
    let (closures, runs) = (DropCounter::new(), Counter::new());
    let fill_queue = || -> Vec<Offload<()>> {
        let offloads = (0..JOBS)
            .map(|_| {
                let (token, runs) = (closures.token(), runs.clone());
                let job = move || {
                    runs.add();
                    drop(token);
                };
                group.try_offload(job).expect("there is room")
            })
            .collect();
        assert!(group.try_offload(|| ()).is_err_and(|rejected| rejected.is_full()));
        offloads
    };

    for round in 1..=3 {
        let offloads = fill_queue();
        assert_eq!(group.stats().queued, JOBS);
        drop(offloads);
        assert_eq!(group.stats().queued, 0);
        assert_eq!(group.stats().cancelled, round * JOBS);
        assert_eq!(closures.count(), round * JOBS);
    }
    let kept = fill_queue();
    held.release();
    for offload in kept {
        offload.wait();
    }
    assert_eq!(runs.get(), JOBS);
    assert_eq!(group.stats().queued, 0);
}

#[test]
fn the_jobs_between_the_cancelled_ones_run_in_their_order() {
    const JOBS: usize = 10_000;
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let ran = Arc::new(Mutex::new(Vec::new()));
    let mut offloads: Vec<_> = (0..JOBS)
        .map(|n| {
            let ran = ran.clone();
            (n, group.offload(move || ran.lock().unwrap().push(n)))
        })
        .collect();
    // Nine of ten, in an order that leaves gaps of every length all over the queue.
    fastrand::Rng::with_seed(1).shuffle(&mut offloads);
    offloads.truncate(JOBS / 10);
    let mut expected: Vec<_> = offloads.iter().map(|(n, _)| *n).collect();
    expected.sort_unstable();
    assert_eq!(group.stats().queued, offloads.len());

    held.release();
    for (_, offload) in offloads {
        offload.wait();
    }
    assert_eq!(*ran.lock().unwrap(), expected);
    group.drain().wait();
    let stats = group.stats();
    assert_eq!((stats.queued, stats.cancelled), (0, JOBS - JOBS / 10));
}
