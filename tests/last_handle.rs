//! Dropping the last handle of a group: what is queued still runs, then the threads leave, and nothing waits for that.
#![cfg(target_os = "linux")]

mod util;

use aside::Group;
use std::sync::mpsc;
use util::process::{eventually, threads_named};
use util::{Counter, Gate, hold_thread, start_job, watchdog};

/// A group whose stopped threads are counted.
fn group(name: &str, max: usize) -> (Group, Counter) {
    let stopped = Counter::new();
    let count = stopped.clone();
    let builder = Group::builder().name(name).min_threads(max).max_threads(max);
    (builder.on_thread_stop(move || count.add()).build().unwrap(), stopped)
}

fn assert_all_leave(name: &str, stopped: &Counter, threads: usize) {
    eventually("the threads leave", || stopped.get() == threads && threads_named(name).is_empty());
}

#[test]
fn queued_jobs_run_and_then_the_threads_leave() {
    let _watchdog = watchdog();
    for max in [1, 4] {
        let (group, stopped) = group("l-queued", max);
        let ran = Counter::new();
        let held: Vec<_> = (0..max).map(|_| hold_thread(&group)).collect();
        let jobs: Vec<_> = (0..1_000)
            .map(|_| {
                let ran = ran.clone();
                group.offload(move || ran.add())
            })
            .collect();
        drop(group);
        // The drop has not waited, and the jobs have not run.
        assert_eq!((ran.get(), stopped.get()), (0, 0));
        held.into_iter().for_each(util::HeldThread::release);
        jobs.into_iter().for_each(aside::Offload::wait);
        assert_eq!(ran.get(), 1_000);
        assert_all_leave("l-queued", &stopped, max);
    }
}

#[test]
fn detached_jobs_run_too() {
    let _watchdog = watchdog();
    let (group, stopped) = group("l-detached", 2);
    let ran = Counter::new();
    for _ in 0..1_000 {
        let ran = ran.clone();
        group.offload(move || ran.add()).detach();
    }
    drop(group);
    assert_all_leave("l-detached", &stopped, 2);
    assert_eq!(ran.get(), 1_000);
}

#[test]
fn an_idle_group() {
    let _watchdog = watchdog();
    let (group, stopped) = group("l-idle", 4);
    eventually("four threads with their names", || threads_named("l-idle").len() == 4);
    drop(group);
    assert_all_leave("l-idle", &stopped, 4);
}

#[test]
fn a_clone_keeps_it_open() {
    let _watchdog = watchdog();
    let (group, stopped) = group("l-clone", 2);
    let clone = group.clone();
    drop(group);
    assert!(!clone.is_closed());
    assert_eq!(clone.offload(|| 1).wait(), 1);
    assert_eq!(stopped.get(), 0);
    drop(clone);
    assert_all_leave("l-clone", &stopped, 2);
}

#[test]
fn a_drain_does_not_keep_it_open() {
    let _watchdog = watchdog();
    let (group, stopped) = group("l-drain", 1);
    let running = start_job(&group, || 5);
    let drain = group.drain();
    drop(group);
    running.gate.open();
    drain.wait();
    assert_eq!(running.offload.wait(), 5);
    assert_all_leave("l-drain", &stopped, 1);
}

#[test]
fn a_pending_offload_wait_keeps_it_open() {
    let _watchdog = watchdog();
    let stopped = Counter::new();
    let count = stopped.clone();
    let builder = Group::builder().name("l-wait").max_threads(1).queue_limit(1);
    let group = builder.on_thread_stop(move || count.add()).build().unwrap();
    let held = hold_thread(&group);
    let first = group.try_offload(|| 1).unwrap();
    let second = group.offload_wait(|| 2);
    drop(group);
    let waiting = std::thread::spawn(move || second.wait().unwrap().wait());
    held.release();
    assert_eq!((first.wait(), waiting.join().unwrap()), (1, 2));
    assert_all_leave("l-wait", &stopped, 1);
}

#[test]
fn inside_a_job_of_the_group() {
    let _watchdog = watchdog();
    for max in [1, 3] {
        let (group, stopped) = group("l-inside", max);
        let gate = Gate::new();
        let (moved, received) = mpsc::channel::<Group>();
        let dropping = group.offload({
            let gate = gate.clone();
            move || {
                drop(received.recv().unwrap());
                gate.pass();
            }
        });
        let ran = Counter::new();
        for _ in 0..100 {
            let ran = ran.clone();
            group.offload(move || ran.add()).detach();
        }
        moved.send(group).unwrap();
        gate.open();
        dropping.wait();
        assert_all_leave("l-inside", &stopped, max);
        assert_eq!(ran.get(), 100);
    }
}

#[test]
fn by_a_closure_that_holds_the_last_handle() {
    let _watchdog = watchdog();
    let (group, stopped) = group("l-closure", 1);
    let held = hold_thread(&group);
    let clone = group.clone();
    // Cancelled: the closure and the handle in it go with the drop of the `Offload`.
    let job = group.offload(move || drop(clone));
    drop(group);
    drop(job);
    held.release();
    assert_all_leave("l-closure", &stopped, 1);
}

#[test]
fn inside_async_tasks() {
    let _watchdog = watchdog();
    async fn task(name: &str) {
        let (group, stopped) = group(name, 2);
        let held = hold_thread(&group);
        let job = group.offload(|| 7);
        // Were this to wait for the held thread, it would do so for ever.
        drop(group);
        held.release();
        assert_eq!(job.await, 7);
        assert_all_leave(name, &stopped, 2);
    }
    futures::executor::block_on(task("l-futures"));
    smol::block_on(smol::spawn(task("l-smol")));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(task("l-tokio"));
}

#[test]
fn an_offload_outlives_its_group() {
    let _watchdog = watchdog();
    let (group, stopped) = group("l-outlive", 1);
    let done = util::finished_job(&group, || String::from("kept"));
    let held = hold_thread(&group);
    let cancelled = group.offload(|| ());
    let queued = group.offload(|| "ran");
    drop(group);
    assert_eq!(cancelled.cancel().wait(), None);
    held.release();
    assert_eq!(queued.wait(), "ran");
    assert_all_leave("l-outlive", &stopped, 1);
    assert_eq!(done.wait(), "kept");
}
