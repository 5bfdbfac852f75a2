//! A callback that comes after its job's end waits in the queue like a job, and is called all the same if the group
//! ends before its turn.

mod util;

use aside::{Deadline, Group, Offload};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{ThreadId, current};
use std::time::Duration;
use util::{Counter, expected_panic, finished_job, hold_thread, hush, single_thread_group, watchdog};

type Calls = Receiver<(&'static str, ThreadId)>;

/// Gives finished jobs their callbacks: one by `on_done`, two by `on_complete`.
fn register_late(group: &Group) -> impl FnOnce() -> Calls + use<> {
    let done = finished_job(group, || "done");
    let jobs: [fn() -> Result<&'static str, &'static str>; 2] = [|| Ok("ok"), || Err("failed")];
    let complete: Vec<Offload<_>> = jobs.map(|job| finished_job(group, job)).into();
    move || {
        let (tell, calls) = channel();
        let call = tell.clone();
        done.on_done(move |outcome| call.send((outcome.unwrap(), current().id())).unwrap());
        for offload in complete {
            let (on_ok, on_err) = (tell.clone(), tell.clone());
            offload.on_complete(
                move |value| on_ok.send((value, current().id())).unwrap(),
                move |failure| match failure {
                    aside::Failure::Failed(error) => on_err.send((error, current().id())).unwrap(),
                    other => panic!("{other}"),
                },
            );
        }
        calls
    }
}

/// All calls there will ever be: ends when the last callback is gone.
fn all(calls: &Calls) -> Vec<(&'static str, ThreadId)> {
    calls.iter().collect()
}

const EACH: [&str; 3] = ["done", "ok", "failed"];

#[test]
fn a_shutdown_calls_those_whose_turn_has_not_come() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let register = register_late(&group);
    let held = hold_thread(&group);
    let calls = register();
    assert!(calls.try_recv().is_err());
    let left = group.shutdown(Duration::ZERO);
    assert_eq!((left.cancelled, left.running), (3, 1));
    // With the outcome of the job, which did end, and before `shutdown` returned, by it.
    assert_eq!(all(&calls), EACH.map(|call| (call, current().id())));
    held.release();
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
}

#[test]
fn a_closed_group_calls_those_that_came_before() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let register = register_late(&group);
    let held = hold_thread(&group);
    let thread = held.id();
    let calls = register();
    group.close();
    held.release();
    assert_eq!(all(&calls), EACH.map(|call| (call, thread)));
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
}

#[test]
fn a_panic_in_one_that_a_shutdown_calls() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let jobs: Vec<_> = (0..3).map(|_| finished_job(&group, || ())).collect();
    let held = hold_thread(&group);
    let called = Counter::new();
    for job in jobs {
        let called = called.clone();
        job.on_done(move |_| {
            called.add();
            expected_panic("in a late callback");
        });
    }
    assert_eq!(group.shutdown(Duration::ZERO).cancelled, 3);
    assert_eq!(called.get(), 3);
    held.release();
}

#[test]
fn against_a_shutdown_at_any_moment() {
    let _watchdog = watchdog();
    for round in 0..300 {
        let group = Group::builder().max_threads(1 + round % 2).build().unwrap();
        let jobs: Vec<_> = (0..20).map(|n| group.offload(move || n)).collect();
        group.drain().wait();
        let called = Counter::new();
        let registering = std::thread::spawn({
            let called = called.clone();
            move || {
                for job in jobs {
                    let called = called.clone();
                    job.on_done(move |outcome| {
                        outcome.unwrap();
                        called.add();
                    });
                }
            }
        });
        let _ = group.shutdown(Duration::ZERO);
        registering.join().unwrap();
        let _ = group.shutdown(Deadline::NEVER);
        assert_eq!(called.get(), 20);
    }
}
