//! The number of threads: as many as jobs block, never above the maximum, and back to the minimum when idle. Counted by
//! the group and by the system.
#![cfg(target_os = "linux")]

mod util;

use aside::{Group, Offload};
use std::collections::HashMap;
use std::sync::{Arc, Barrier};
use std::time::Duration;
use util::process::{eventually, threads_named, until_running, voluntary_switches};
use util::{Gate, watchdog};

/// Jobs that end only when `n` of them run at the same time.
fn meeting(n: usize) -> impl Iterator<Item = impl FnOnce() + Send + 'static> {
    let barrier = Arc::new(Barrier::new(n));
    (0..n).map(move |_| {
        let barrier = barrier.clone();
        move || {
            barrier.wait();
        }
    })
}

fn wait_all(jobs: Vec<Offload<()>>) {
    jobs.into_iter().for_each(Offload::wait);
}

#[test]
fn never_above_the_maximum() {
    let _watchdog = watchdog();
    let group = Group::builder()
        .name("g-max")
        .min_threads(0)
        .max_threads(4)
        .keep_alive(Duration::MAX)
        .build()
        .unwrap();
    let gate = Gate::new();
    let held: Vec<_> = (0..20)
        .map(|_| {
            let gate = gate.clone();
            group.offload(move || gate.pass())
        })
        .collect();
    until_running(&group, 4);
    eventually("four threads with their names", || threads_named("g-max").len() == 4);
    assert_eq!(group.stats().queued, 16);

    let submitting: Vec<_> = (0..4)
        .map(|_| {
            let group = group.clone();
            std::thread::spawn(move || (0..5_000).for_each(|_| group.offload(|| ()).detach()))
        })
        .collect();
    let mut open = false;
    while !submitting.iter().all(|thread| thread.is_finished())
        || !group.drain().wait_deadline(Duration::ZERO)
    {
        assert!(group.stats().threads <= 4);
        assert!(threads_named("g-max").len() <= 4);
        if !open {
            gate.open();
            open = true;
        }
    }
    wait_all(held);
    assert_eq!(group.stats().peak_threads, 4);
    assert_eq!(group.stats().finished, 20_020);
}

#[test]
fn the_minimum_is_started_by_build_and_stays() {
    let _watchdog = watchdog();
    let group = Group::builder().name("g-min").min_threads(3).keep_alive(Duration::ZERO).build().unwrap();
    assert_eq!(group.stats().threads, 3);
    eventually("three threads with their names", || threads_named("g-min").len() == 3);
    for _ in 0..100 {
        wait_all(meeting(5).map(|job| group.offload(job)).collect());
        assert!(group.stats().threads >= 3);
    }
    eventually("back to the minimum", || threads_named("g-min").len() == 3 && group.stats().threads == 3);
}

#[test]
fn one_thread_by_default() {
    let group = Group::builder().build().unwrap();
    assert_eq!(group.stats().threads, 1);
}

#[test]
fn a_thread_for_each_blocked_job() {
    let _watchdog = watchdog();
    let group = Group::builder().name("g-each").max_threads(100).build().unwrap();
    for n in [1, 2, 16, 100] {
        wait_all(meeting(n).map(|job| group.offload(job)).collect());
        assert!(group.stats().peak_threads >= n);
    }
    assert!(group.stats().peak_threads <= 100);
}

#[test]
fn a_thread_for_each_blocked_job_of_a_batch() {
    let _watchdog = watchdog();
    let group = Group::builder().min_threads(0).max_threads(32).build().unwrap();
    // New threads the first time, parked ones the second.
    for _ in 0..2 {
        assert_eq!(group.offload_all(meeting(32)).wait().len(), 32);
    }
    assert_eq!(group.stats().peak_threads, 32);
}

#[test]
fn a_thread_for_each_blocked_job_from_many_submitters() {
    let _watchdog = watchdog();
    for _ in 0..50 {
        let group = Group::builder().max_threads(16).build().unwrap();
        let submitting: Vec<_> = meeting(16)
            .map(|job| {
                let group = group.clone();
                std::thread::spawn(move || group.offload(job).wait())
            })
            .collect();
        submitting.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(group.stats().peak_threads, 16);
    }
}

#[test]
fn a_thread_for_each_blocked_job_from_a_job() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(9).build().unwrap();
    let inner = group.clone();
    let jobs = group.offload(move || meeting(8).map(|job| inner.offload(job)).collect::<Vec<_>>()).wait();
    wait_all(jobs);
}

#[test]
fn surplus_threads_leave_after_the_keep_alive() {
    let _watchdog = watchdog();
    for min in [0, 2] {
        let name = format!("g-keep-{min}");
        let builder = Group::builder().name(&name).min_threads(min).max_threads(12);
        let group = builder.keep_alive(Duration::from_millis(50)).build().unwrap();
        // Again and again: a thread more or less in the books would show.
        for _ in 0..3 {
            let gate = Gate::new();
            let jobs: Vec<_> = (0..12)
                .map(|_| {
                    let gate = gate.clone();
                    group.offload(move || gate.pass())
                })
                .collect();
            until_running(&group, 12);
            eventually("twelve threads with their names", || threads_named(&name).len() == 12);
            gate.open();
            wait_all(jobs);
            eventually("back to the minimum", || {
                threads_named(&name).len() == min && group.stats().threads == min
            });
            assert_eq!((group.stats().idle, group.stats().running), (min, 0));
        }
    }
}

#[test]
fn for_ever_is_a_keep_alive() {
    let _watchdog = watchdog();
    let group = Group::builder().keep_alive(Duration::MAX).build().unwrap();
    wait_all(meeting(5).map(|job| group.offload(job)).collect());
    assert!(group.stats().threads >= 5);
    assert!(group.shutdown(aside::Deadline::NEVER).is_nothing());
}

#[test]
fn an_idle_group_sleeps_without_a_break() {
    let _watchdog = watchdog();
    let group =
        Group::builder().name("g-idle").min_threads(2).keep_alive(Duration::from_millis(20)).build().unwrap();
    wait_all(meeting(4).map(|job| group.offload(job)).collect());
    eventually("back to the minimum", || threads_named("g-idle").len() == 2);
    let switches = || -> Vec<u64> { threads_named("g-idle").into_iter().map(voluntary_switches).collect() };
    let window = || {
        let before = switches();
        std::thread::sleep(Duration::from_millis(500));
        before == switches()
    };
    // The first window may see the threads lie down.
    assert!(window() || window(), "a thread with nothing to do woke up by itself");
}

#[test]
fn the_thread_that_parked_last_works_next() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(8).keep_alive(Duration::MAX).build().unwrap();
    wait_all(meeting(8).map(|job| group.offload(job)).collect());
    let mut jobs_of = HashMap::new();
    for _ in 0..400 {
        until_running(&group, 0);
        *jobs_of.entry(group.offload(|| std::thread::current().id()).wait()).or_insert(0) += 1;
    }
    // Not all of them: a thread may be on its way to bed still. Taken in turn, each would have had 50.
    let most = jobs_of.values().max().unwrap();
    assert!(*most > 200, "{jobs_of:?}");
}

#[test]
fn the_surplus_leaves_although_there_always_is_something_to_do() {
    let _watchdog = watchdog();
    let group = Group::builder()
        .name("g-lifo")
        .max_threads(8)
        .keep_alive(Duration::from_millis(300))
        .build()
        .unwrap();
    wait_all(meeting(8).map(|job| group.offload(job)).collect());
    // One job at a time keeps one thread busy, or two when a thread is not back in bed yet. Were the threads taken in
    // turn, none would ever be idle for long.
    eventually("the surplus leaves although there always is something to do", || {
        group.offload(|| ()).wait();
        group.stats().threads <= 2
    });
}
