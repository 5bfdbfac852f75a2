//! Of a job's callbacks exactly one is called, exactly once, on the thread that the docs name.

mod util;

use aside::{Failure, Group, JobError};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{ThreadId, current};
use std::time::Duration;
use util::{Counter, DropCounter, Gate, expected_panic, finished_job, hold_thread, hush};
use util::{single_thread_group, start_job, watchdog};

/// What the callbacks of one job were called with, in one word each.
fn record(calls: &Sender<String>) -> (impl FnOnce(u8) + use<>, impl FnOnce(Failure<String>) + use<>) {
    let (ok, err) = (calls.clone(), calls.clone());
    let on_ok = move |value| ok.send(format!("ok {value}")).unwrap();
    let on_err = move |failure| {
        let word = match failure {
            Failure::Failed(error) => format!("failed {error}"),
            Failure::Panicked(panic) => format!("panicked {}", panic.message().unwrap()),
            Failure::Cancelled => "cancelled".to_owned(),
        };
        err.send(word).unwrap();
    };
    (on_ok, on_err)
}

/// All calls there will ever be: ends when the last callback is gone.
fn all(calls: Sender<String>, heard: &Receiver<String>) -> Vec<String> {
    drop(calls);
    heard.iter().collect()
}

type Job = fn() -> Result<u8, String>;
const JOBS: [(Job, &str); 3] = [
    (|| Ok(5), "ok 5"),
    (|| Err("no".to_owned()), "failed no"),
    (|| expected_panic("in the job"), "panicked [expected] in the job"),
];

#[test]
fn on_complete_calls_one_of_the_two_once() {
    let _watchdog = watchdog();
    hush();
    for (job, expected) in JOBS {
        let group = single_thread_group();
        let (calls, heard) = channel();
        let (ok, err) = record(&calls);
        let held = hold_thread(&group);
        group.offload(job).on_complete(ok, err);
        held.release();
        group.drain().wait();
        assert_eq!(all(calls, &heard), [expected], "registered while queued");

        let (calls, heard) = channel();
        let (ok, err) = record(&calls);
        finished_job(&group, job).on_complete(ok, err);
        group.drain().wait();
        assert_eq!(all(calls, &heard), [expected], "registered when finished");
    }
}

#[test]
fn on_done_is_called_once_with_the_outcome() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let (calls, heard) = channel();
    let outcome_of = |job: fn() -> u8| {
        let calls = calls.clone();
        group.offload(job).on_done(move |outcome| calls.send(outcome).unwrap());
        heard.recv().unwrap()
    };
    assert!(matches!(outcome_of(|| 5), Ok(5)));
    let panicked = outcome_of(|| expected_panic("in the job"));
    assert!(
        matches!(panicked, Err(JobError::Panicked(panic)) if panic.message().unwrap().ends_with("in the job"))
    );
    group.close();
    assert!(matches!(outcome_of(|| 5), Err(JobError::Cancelled)));
    assert!(heard.try_recv().is_err());
}

#[test]
fn a_shutdown_calls_back_for_the_jobs_it_cancels() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let (calls, heard) = channel();
    let (ok, err) = record(&calls);
    group.offload(JOBS[0].0).on_complete(ok, err);
    let (tell, hear) = channel();
    group.offload(|| ()).on_done(move |outcome| tell.send((outcome.is_err(), current().id())).unwrap());

    let left = group.shutdown(Duration::ZERO);
    assert_eq!((left.cancelled, left.running), (2, 1));
    // All was called before `shutdown` returned, by it.
    assert_eq!(hear.try_recv(), Ok((true, current().id())));
    assert_eq!(heard.try_recv().as_deref(), Ok("cancelled"));
    held.release();
    group.drain().wait();
    assert!(all(calls, &heard).is_empty());
}

#[test]
fn a_callback_that_was_there_first_runs_on_the_jobs_own_thread() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(3).build().unwrap();
    let (tell, hear) = channel();
    for _ in 0..20 {
        let tell = tell.clone();
        let job = start_job(&group, || current().id());
        job.offload.on_done(move |ran_on| tell.send((ran_on.unwrap(), current().id())).unwrap());
        job.gate.open();
        let (ran_on, called_on) = hear.recv().unwrap();
        assert_eq!((ran_on, called_on), (job.thread, job.thread));
    }
}

#[test]
fn a_late_callback_runs_on_a_thread_of_the_group() {
    let _watchdog = watchdog();
    let threads = Arc::new(Mutex::new(Vec::new()));
    let started = threads.clone();
    let group = Group::builder()
        .max_threads(2)
        .on_thread_start(move || started.lock().unwrap().push(current().id()))
        .build()
        .unwrap();
    let (tell, hear) = channel();
    let late = finished_job(&group, || 5);
    late.on_done(move |outcome| tell.send((outcome.unwrap(), current().id())).unwrap());
    let (value, called_on) = hear.recv().unwrap();
    assert_eq!(value, 5);
    assert!(threads.lock().unwrap().contains(&called_on));
}

#[test]
fn a_callback_that_comes_after_the_shutdown_runs_on_the_caller() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let finished = finished_job(&group, || 5);
    assert!(group.shutdown(aside::Deadline::NEVER).is_nothing());
    let (tell, hear) = channel();
    finished.on_done(move |outcome| tell.send((outcome.unwrap(), current().id())).unwrap());
    assert_eq!(hear.try_recv(), Ok((5, current().id())));
}

#[test]
fn a_panicking_callback_kills_no_worker() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let thread = held.id();
    for _ in 0..10 {
        group.offload(|| ()).on_done(|_| expected_panic("in a callback"));
        group.offload(|| Ok::<(), ()>(())).on_complete(|()| expected_panic("in a callback"), |_| ());
    }
    held.release();
    group.drain().wait();
    // Late ones, too.
    finished_job(&group, || ()).on_done(|_| expected_panic("in a late callback"));
    assert_eq!(group.offload(|| current().id()).wait(), thread);
    let stats = group.stats();
    assert_eq!((stats.threads, stats.peak_threads, stats.panicked), (1, 1, 0));
}

#[test]
fn a_panicking_callback_does_not_reach_the_caller() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let finished = finished_job(&group, || ());
    let held = hold_thread(&group);
    let calls = Counter::new();
    for _ in 0..3 {
        let called = calls.clone();
        group.offload(|| ()).on_done(move |_| {
            called.add();
            expected_panic("in a callback")
        });
    }
    assert_eq!(group.shutdown(Duration::ZERO).cancelled, 3);
    assert_eq!(calls.get(), 3);
    held.release();
    finished.on_done(|_| expected_panic("in a callback after the shutdown"));
    group.offload(|| ()).on_done(|_| expected_panic("in a callback of a job that was not taken"));
}

#[test]
fn callbacks_may_offload_to_their_own_group() {
    let _watchdog = watchdog();
    fn chain(group: Group, links: usize, end: Sender<ThreadId>) {
        group.clone().offload(|| ()).on_done(move |outcome| {
            outcome.unwrap();
            match links {
                0 => end.send(current().id()).unwrap(),
                _ => chain(group, links - 1, end),
            }
        });
    }
    let group = single_thread_group();
    let held = hold_thread(&group);
    let thread = held.id();
    let (tell, hear) = channel();
    chain(group.clone(), 1_000, tell);
    held.release();
    assert_eq!(hear.recv(), Ok(thread));
    group.drain().wait();
    // One for each link, as none of them was late, and the one that held the thread.
    assert_eq!(group.stats().finished, 1_002);
}

#[test]
fn a_callback_may_drop_the_last_handle_of_its_group() {
    let _watchdog = watchdog();
    let (tell_stop, stopped) = channel();
    let group =
        Group::builder().max_threads(1).on_thread_stop(move || tell_stop.send(()).unwrap()).build().unwrap();
    let job = start_job(&group, || ());
    let behind = group.offload(|| "still runs");
    job.offload.on_done(move |_| drop(group));
    job.gate.open();
    assert_eq!(behind.wait(), "still runs");
    stopped.recv().unwrap();
}

#[test]
fn a_drain_waits_for_a_callback_to_return() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    for late in [false, true] {
        let gate = Gate::new();
        let (tell, called) = channel();
        let job = start_job(&group, || ());
        if late {
            job.gate.open();
            group.drain().wait();
        }
        let held_at = gate.clone();
        job.offload.on_done(move |_| {
            tell.send(()).unwrap();
            held_at.pass();
        });
        job.gate.open();
        called.recv().unwrap();
        assert!(!group.drain().wait_deadline(Duration::ZERO), "late: {late}");
        gate.open();
        group.drain().wait();
    }
}

#[test]
fn a_drain_misses_no_callback() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(4).build().unwrap();
    let calls = Counter::new();
    // Of jobs this short some are done before their callback comes, and some are not.
    for n in 1..=10_000 {
        let called = calls.clone();
        group.offload(|| ()).on_done(move |_| called.add());
        if n % 100 == 0 {
            group.drain().wait();
            assert_eq!(calls.get(), n);
        }
    }
}

#[test]
fn what_the_callbacks_hold_is_dropped_once() {
    let _watchdog = watchdog();
    hush();
    for (job, _) in JOBS {
        let group = single_thread_group();
        let captures = DropCounter::new();
        let register = |offload: aside::Offload<Result<u8, String>>| {
            let (ok, err) = (captures.token(), captures.token());
            offload.on_complete(move |_| drop(ok), move |_| drop(err));
        };
        let held = hold_thread(&group);
        register(group.offload(job));
        assert_eq!(captures.count(), 0);
        held.release();
        group.drain().wait();
        assert_eq!(captures.count(), 2, "called");

        register(finished_job(&group, job));
        group.drain().wait();
        assert_eq!(captures.count(), 4, "called late");

        let held = hold_thread(&group);
        register(group.offload(job));
        assert_eq!(group.shutdown(Duration::ZERO).cancelled, 1);
        assert_eq!(captures.count(), 6, "called by the shutdown");
        held.release();
    }
}
