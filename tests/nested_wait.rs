//! Jobs that wait for jobs of their own group: no depth and no cap makes a deadlock.

mod util;

use aside::{Group, Offload};
use std::sync::mpsc::channel;
use std::thread::current;
use std::time::Duration;
use util::{Counter, single_thread_group, start_job, watchdog};

const DEEP: usize = 1_000;

fn group_of(threads: usize) -> Group {
    Group::builder().max_threads(threads).build().unwrap()
}

/// Waits for a job that waits for a job, and so on. Returns how many there were.
fn descend(group: &Group, depth: usize) -> usize {
    if depth == 0 {
        return 0;
    }
    let deeper = group.clone();
    group.offload(move || descend(&deeper, depth - 1)).wait() + 1
}

fn descend_catching(group: &Group, depth: usize) -> usize {
    if depth == 0 {
        return 0;
    }
    let deeper = group.clone();
    group.offload(move || descend_catching(&deeper, depth - 1)).catch().wait().unwrap() + 1
}

#[test]
fn a_thousand_jobs_deep() {
    let _watchdog = watchdog();
    for threads in [1, 2, 3] {
        let group = group_of(threads);
        assert_eq!(descend(&group, DEEP), DEEP);
        assert_eq!(descend_catching(&group, DEEP), DEEP);
        group.drain().wait();
        let stats = group.stats();
        assert_eq!((stats.submitted, stats.finished, stats.cancelled), (2 * DEEP, 2 * DEEP, 0));
        assert!(stats.peak_threads <= threads);
    }
}

/// A binary tree of jobs, each of which waits for both its children. Returns the number of leaves.
fn fan_out(group: &Group, height: u32, runs: &Counter) -> usize {
    runs.add();
    if height == 0 {
        return 1;
    }
    let child = || {
        let (group, runs) = (group.clone(), runs.clone());
        move || fan_out(&group, height - 1, &runs)
    };
    let (left, right) = (group.offload(child()), group.offload(child()));
    left.wait() + right.catch().wait().unwrap()
}

#[test]
fn a_tree_of_jobs() {
    const HEIGHT: u32 = 10;
    let _watchdog = watchdog();
    for threads in [1, 2, 8] {
        let group = group_of(threads);
        let runs = Counter::new();
        assert_eq!(fan_out(&group, HEIGHT, &runs), 1 << HEIGHT);
        assert_eq!(runs.get(), (2 << HEIGHT) - 1);
        assert!(group.stats().peak_threads <= threads);
    }
}

#[test]
fn a_job_runs_those_it_waits_for_in_the_order_it_waits() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (send, queued) = channel::<Vec<Offload<_>>>();
    // The only thread of the group: what is queued behind it runs nowhere else while it waits.
    let waiting = start_job(&group, move || {
        queued.recv().unwrap().into_iter().rev().map(Offload::wait).collect::<Vec<_>>()
    });
    let runs = Counter::new();
    let behind = (0..100).map(|n| {
        let runs = runs.clone();
        group.offload(move || {
            runs.add();
            (n, runs.get(), current().id())
        })
    });
    send.send(behind.collect()).unwrap();
    waiting.gate.open();
    let thread = waiting.thread;
    let expected: Vec<_> = (0..100).rev().map(|n| (n, 100 - n, thread)).collect();
    assert_eq!(waiting.offload.wait(), expected);
    group.drain().wait();
    let stats = group.stats();
    assert_eq!((runs.get(), stats.finished, stats.queued), (100, 101, 0));
}

#[test]
fn a_job_waits_for_one_that_runs_elsewhere() {
    let _watchdog = watchdog();
    let group = group_of(2);
    let runs = Counter::new();
    let elsewhere = start_job(&group, {
        let runs = runs.clone();
        move || {
            runs.add();
            current().id()
        }
    });
    let gate = elsewhere.gate;
    let waiting = start_job(&group, move || elsewhere.offload.wait());
    assert_ne!(waiting.thread, elsewhere.thread);
    waiting.gate.open();
    gate.open();
    assert_eq!(waiting.offload.wait(), elsewhere.thread);
    assert_eq!(runs.get(), 1);
}

#[test]
fn a_job_of_another_group_stays_with_its_own_threads() {
    let _watchdog = watchdog();
    let (here, there) = (single_thread_group(), single_thread_group());
    let theirs = there.offload(|| current().id()).wait();
    let ours = here.offload(|| current().id()).wait();
    let ran_on = here.offload(move || there.offload(|| current().id()).wait()).wait();
    assert_eq!(ran_on, theirs);
    assert_ne!(ran_on, ours);
}

#[test]
fn a_panic_passes_through_all_who_wait() {
    let _watchdog = watchdog();
    util::hush();
    fn fall(group: &Group, depth: usize) {
        if depth == 0 {
            util::expected_panic("at the bottom");
        }
        let deeper = group.clone();
        group.offload(move || fall(&deeper, depth - 1)).wait();
    }
    let group = group_of(2);
    assert!(util::panic_message_of(|| fall(&group, 100)).ends_with("at the bottom"));
    group.drain().wait();
    assert_eq!(group.stats().panicked, 100);
    assert_eq!(descend(&group, 10), 10);
}

#[test]
fn a_callback_may_wait_for_jobs_of_its_group() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (tell, hear) = channel();
    let inner = group.clone();
    group.offload(|| ()).on_done(move |_| tell.send(descend(&inner, 10)).unwrap());
    assert_eq!(hear.recv(), Ok(10));
}

#[test]
fn a_wait_with_a_deadline_ends_by_it_on_an_offload_thread_too() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let inner = group.clone();
    let in_time = group.offload(move || {
        let (_open, gate) = channel::<()>();
        // Ends when this job gives up on it, or after far longer than this job is ready to wait.
        let slow = inner.offload(move || gate.recv_timeout(Duration::from_secs(1)).unwrap_err());
        slow.wait_deadline(Duration::ZERO).is_err()
    });
    assert!(in_time.wait());
}
