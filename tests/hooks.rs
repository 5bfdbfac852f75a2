//! What a group calls on each of its threads: once before the first job, once after the last, and a panic stays there.

mod util;

use aside::{Deadline, Group};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{ThreadId, current};
use std::time::Duration;
use util::{Counter, Gate, expected_panic, hush, watchdog};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Start,
    Job,
    Stop,
}

type Log = Arc<Mutex<Vec<(ThreadId, Seen)>>>;

fn note(log: &Log, seen: Seen) {
    log.lock().unwrap().push((current().id(), seen));
}

#[test]
fn once_per_thread_around_its_jobs() {
    let _watchdog = watchdog();
    let log = Log::default();
    let (on_start, on_stop) = (log.clone(), log.clone());
    let group = Group::builder()
        .min_threads(2)
        .max_threads(6)
        .on_thread_start(move || note(&on_start, Seen::Start))
        .on_thread_stop(move || note(&on_stop, Seen::Stop))
        .build()
        .unwrap();
    let barrier = Arc::new(Barrier::new(6));
    for _ in 0..3 {
        let jobs = (0..6).map(|_| {
            let (barrier, log) = (barrier.clone(), log.clone());
            move || {
                barrier.wait();
                note(&log, Seen::Job);
            }
        });
        group.offload_all(jobs).wait();
    }
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
    let stopped = || log.lock().unwrap().iter().filter(|(_, seen)| *seen == Seen::Stop).count();
    util::process::eventually("every thread has called its stop hook", || stopped() == 6);

    let log = log.lock().unwrap();
    assert!(log.iter().all(|(thread, _)| *thread != current().id()));
    let mut threads: Vec<_> = log.iter().map(|(thread, _)| *thread).collect();
    threads.sort_by_key(|thread| format!("{thread:?}"));
    threads.dedup();
    assert_eq!(threads.len(), 6);
    for thread in threads {
        let seen: Vec<_> = log.iter().filter(|(other, _)| *other == thread).map(|(_, seen)| *seen).collect();
        assert_eq!((seen.first(), seen.last()), (Some(&Seen::Start), Some(&Seen::Stop)));
        assert!(seen[1..seen.len() - 1].iter().all(|seen| *seen == Seen::Job), "{seen:?}");
    }
}

#[test]
fn a_thread_that_retires_stops_too() {
    let _watchdog = watchdog();
    let (started, stopped) = (Counter::new(), Counter::new());
    let (on_start, on_stop) = (started.clone(), stopped.clone());
    let group = Group::builder()
        .min_threads(0)
        .keep_alive(Duration::ZERO)
        .on_thread_start(move || on_start.add())
        .on_thread_stop(move || on_stop.add())
        .build()
        .unwrap();
    for n in 1..=20 {
        group.offload(|| ()).wait();
        util::process::eventually("the thread retires", || stopped.get() == started.get());
        assert_eq!((started.get(), group.stats().threads), (n, 0));
    }
}

#[test]
fn no_thread_no_hook() {
    let called = Counter::new();
    let on_start = called.clone();
    let group = Group::builder().min_threads(0).on_thread_start(move || on_start.add()).build().unwrap();
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
    assert_eq!(called.get(), 0);
}

#[test]
fn a_panic_is_contained() {
    let _watchdog = watchdog();
    hush();
    let (started, stopped) = (Counter::new(), Counter::new());
    let (on_start, on_stop) = (started.clone(), stopped.clone());
    let group = Group::builder()
        .max_threads(3)
        .on_thread_start(move || {
            on_start.add();
            expected_panic("the start hook");
        })
        .on_thread_stop(move || {
            on_stop.add();
            expected_panic("the stop hook");
        })
        .build()
        .unwrap();
    let barrier = Arc::new(Barrier::new(3));
    let jobs = (0..3).map(|n| {
        let barrier = barrier.clone();
        move || {
            barrier.wait();
            n
        }
    });
    assert_eq!(group.offload_all(jobs).wait(), [0, 1, 2]);
    assert_eq!(started.get(), 3);
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
    util::process::eventually("every thread has called its stop hook", || stopped.get() == 3);
    assert_eq!(group.stats().panicked, 0);
}

#[test]
fn hooks_may_use_the_group() {
    let _watchdog = watchdog();
    let elsewhere = util::single_thread_group();
    let (tell, hear) = std::sync::mpsc::channel();
    let tell_stop = tell.clone();
    let on_stop = elsewhere.clone();
    let group = Group::builder()
        .on_thread_start(move || tell.send(elsewhere.offload(|| "start").wait()).unwrap())
        .on_thread_stop(move || tell_stop.send(on_stop.offload(|| "stop").wait()).unwrap())
        .build()
        .unwrap();
    assert_eq!(group.offload(|| 1).wait(), 1);
    drop(group);
    assert_eq!(hear.iter().take(2).collect::<Vec<_>>(), ["start", "stop"]);
}

/// `shutdown` blocks until the threads have left; the stop hook is a part of that.
#[test]
fn shutdown_waits_for_the_stop_hooks() {
    let _watchdog = watchdog();
    let (gate, on_stop) = (Gate::new(), Gate::new());
    let group = {
        let (gate, on_stop) = (gate.clone(), on_stop.clone());
        let builder = Group::builder().on_thread_stop(move || {
            on_stop.open();
            gate.pass();
        });
        builder.build().unwrap()
    };
    group.close();
    on_stop.pass();
    let (tell, hear) = std::sync::mpsc::channel();
    let shutting_down = std::thread::spawn(move || tell.send(group.shutdown(Deadline::NEVER)).unwrap());
    // However long one looks: it has not come back.
    assert!(hear.recv_timeout(Duration::from_millis(50)).is_err(), "a thread is in its stop hook still");
    gate.open();
    shutting_down.join().unwrap();
    assert!(hear.recv().unwrap().is_nothing());
}

#[test]
fn a_slow_stop_hook_outlasts_the_deadline() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let on_stop = gate.clone();
    let group = Group::builder().on_thread_stop(move || on_stop.pass()).build().unwrap();
    // Comes back although the thread cannot leave.
    let left = group.shutdown(Duration::from_millis(10));
    assert_eq!((left.cancelled, left.running), (0, 0));
    gate.open();
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
}
