//! A shutdown from inside the group it ends: from jobs, callbacks and hooks. It waits for all but those who wait.

mod util;

use aside::{Deadline, Group, Left, Offload};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, OnceLock};
use std::thread::current;
use std::time::Duration;
use util::{expected_panic, hush, single_thread_group, start_job, watchdog};

#[track_caller]
fn assert_ended(group: &Group) {
    assert_eq!(group.shutdown(Deadline::NEVER), group.shutdown(Duration::ZERO));
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
    assert_eq!((group.stats().threads, group.stats().queued), (0, 0));
}

#[test]
fn from_several_jobs_at_a_time() {
    const JOBS: usize = 3;
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(JOBS).build().unwrap();
    let together = Arc::new(Barrier::new(JOBS));
    let job = || {
        let (group, together) = (group.clone(), together.clone());
        move || {
            together.wait();
            group.shutdown(Deadline::NEVER)
        }
    };
    let jobs: Vec<_> = (0..JOBS).map(|_| group.offload(job())).collect();
    for left in jobs.into_iter().map(Offload::wait) {
        // The others may have returned before this one looked.
        assert_eq!(left.cancelled, 0);
        assert!((1..=JOBS).contains(&left.running), "{left}");
    }
    assert_ended(&group);
}

#[test]
fn from_a_job_and_from_outside() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let other = start_job(&group, || "waited for");
    let inside = {
        let group = group.clone();
        start_job(&group.clone(), move || group.shutdown(Deadline::NEVER))
    };
    let outside = {
        let group = group.clone();
        std::thread::spawn(move || group.shutdown(Deadline::NEVER))
    };
    inside.gate.open();
    other.gate.open();
    let left = inside.offload.wait();
    assert_eq!((left.cancelled, left.running), (0, 1));
    assert!(other.offload.is_finished());
    assert_eq!(outside.join().unwrap().cancelled, 0);
    assert_ended(&group);
}

/// What a shutdown in a callback of a job of a group of one thread found; `cancel` may cancel the job.
fn shut_down_in_callback(cancel: impl FnOnce(&Group)) -> Left {
    let group = single_thread_group();
    let running = start_job(&group, || ());
    let (tell, hear) = channel();
    let (inner, gate) = (group.clone(), running.gate.clone());
    group.offload(|| ()).on_done(move |_| {
        // From here on the running job can end, and is waited for.
        gate.open();
        tell.send((inner.shutdown(Deadline::NEVER), inner.stats().running, current().id())).unwrap();
    });
    let queued = running.gate.clone();
    cancel(&group);
    queued.open();
    let (left, _, _) = hear.recv().unwrap();
    running.offload.wait();
    assert_ended(&group);
    left
}

#[test]
fn from_a_callback_of_a_job_that_ran() {
    let _watchdog = watchdog();
    let left = shut_down_in_callback(|_| ());
    // The job whose callback this is.
    assert_eq!((left.cancelled, left.running), (0, 1));
}

#[test]
fn from_a_callback_that_a_shutdown_calls() {
    let _watchdog = watchdog();
    let left = shut_down_in_callback(|group| {
        let left = group.shutdown(Duration::ZERO);
        assert_eq!((left.cancelled, left.running), (1, 0));
    });
    assert_eq!((left.cancelled, left.running), (0, 1));
}

/// Shuts the group down as it is dropped.
struct ShutsDown(Group);

impl Drop for ShutsDown {
    fn drop(&mut self) {
        assert_eq!(self.0.shutdown(Deadline::NEVER).cancelled, 0);
    }
}

#[test]
fn from_the_destructor_of_a_closure_that_a_shutdown_drops() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let running = start_job(&group, || ());
    let (inner, gate) = (ShutsDown(group.clone()), running.gate.clone());
    let opening = OpensFirst { gate, _then: inner };
    group.offload(move || drop(opening)).detach();
    assert_eq!(group.shutdown(Duration::ZERO).cancelled, 1);
    running.offload.wait();
    assert_ended(&group);
}

struct OpensFirst {
    gate: util::Gate,
    _then: ShutsDown,
}

impl Drop for OpensFirst {
    fn drop(&mut self) {
        self.gate.open();
    }
}

/// A group whose threads, as they end, shut it down.
fn ending_itself(
    threads: usize,
    keep_alive: Duration,
) -> (Group, Arc<OnceLock<Group>>, std::sync::mpsc::Receiver<Left>) {
    let slot = Arc::new(OnceLock::<Group>::new());
    let (tell, hear) = channel();
    let together = Barrier::new(threads);
    let in_hook = slot.clone();
    let group = Group::builder()
        .min_threads(0)
        .max_threads(threads)
        .keep_alive(keep_alive)
        .on_thread_stop(move || {
            together.wait();
            let group = in_hook.get().unwrap();
            tell.send(group.shutdown(Deadline::NEVER)).unwrap();
        })
        .build()
        .unwrap();
    slot.set(group.clone()).unwrap();
    (group, slot, hear)
}

#[test]
fn from_the_stop_hook_of_a_thread_that_retires() {
    let _watchdog = watchdog();
    let (group, _slot, hear) = ending_itself(1, Duration::ZERO);
    group.offload(|| ()).wait();
    assert!(hear.recv().unwrap().is_nothing());
    assert_ended(&group);
}

#[test]
fn from_the_stop_hooks_of_several_threads_at_a_time() {
    const THREADS: usize = 3;
    let _watchdog = watchdog();
    let (group, _slot, hear) = ending_itself(THREADS, Duration::MAX);
    let together = Arc::new(Barrier::new(THREADS));
    let jobs = (0..THREADS).map(|_| {
        let together = together.clone();
        move || {
            together.wait();
        }
    });
    group.offload_all(jobs).wait();
    assert_eq!(group.stats().threads, THREADS);
    group.close();
    (0..THREADS).for_each(|_| assert!(hear.recv().unwrap().is_nothing()));
    assert_ended(&group);
}

#[test]
fn from_a_job_that_panics_afterwards() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let inner = group.clone();
    let job = group.offload(move || {
        let _ = inner.shutdown(Deadline::NEVER);
        expected_panic("after the shutdown");
    });
    assert!(job.catch().wait().is_err());
    assert_ended(&group);
}

/// The job that waits is exempt once, however often its thread shuts the group down.
#[test]
fn from_a_callback_that_a_shutdown_inside_a_job_calls() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let other = start_job(&group, || ());
    let inner = group.clone();
    let ending = start_job(&group, move || inner.shutdown(Duration::ZERO).cancelled);
    let (tell, hear) = channel();
    let (inner, gate) = (group.clone(), other.gate.clone());
    group.offload(|| ()).on_done(move |_| {
        gate.open();
        tell.send(inner.shutdown(Deadline::NEVER)).unwrap();
    });
    ending.gate.open();
    // The job that shuts down, and the one whose callback this is; the other one was waited for.
    let left = hear.recv().unwrap();
    assert_eq!((left.cancelled, left.running), (0, 2));
    assert_eq!(ending.offload.wait(), 1);
    other.offload.wait();
    assert_ended(&group);
}

/// A thread from outside that calls a callback does not pass for one of the group's.
#[test]
fn from_a_callback_called_outside_it_waits_for_the_threads() {
    let _watchdog = watchdog();
    let (hook_ended, may_end) = (Arc::new(OnceLock::new()), util::Gate::new());
    let (in_hook, hook_begun) = channel();
    let group = {
        let (hook_ended, may_end) = (hook_ended.clone(), may_end.clone());
        let hook = move || {
            in_hook.send(()).unwrap();
            may_end.pass();
            hook_ended.set(()).unwrap();
        };
        Group::builder().max_threads(1).on_thread_stop(hook).build().unwrap()
    };
    let running = start_job(&group, || ());
    let (waiting, about_to_wait) = channel();
    let opener = std::thread::spawn(move || {
        about_to_wait.recv().unwrap();
        may_end.open();
    });
    let (inner, gate) = (group.clone(), running.gate.clone());
    group.offload(|| ()).on_done(move |_| {
        gate.open();
        hook_begun.recv().unwrap();
        waiting.send(()).unwrap();
        assert_eq!(inner.shutdown(Deadline::NEVER).cancelled, 0);
        assert!(hook_ended.get().is_some());
        running.offload.wait();
    });
    assert_eq!(group.shutdown(Duration::ZERO).cancelled, 1);
    opener.join().unwrap();
    assert_ended(&group);
}
