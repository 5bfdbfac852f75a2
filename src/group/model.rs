//! Model-checked: the real core with real workers, under every interleaving that loom finds with a bounded number of
//! preemptions. A job that is left queued with every worker asleep shows as a deadlock, for its awaiter.

use super::builder::Builder;
use super::counts::Role;
use super::handle::Group;
use super::scale::Scale;
use super::worker::{End, Worker};
use crate::deadline::Deadline;
use crate::job::{self, JobError};
use crate::sync::{AtomicUsize, Ordering, check, check_bounded, yield_now};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

fn group(max_threads: usize, keep_alive: Duration) -> Group {
    let builder = Builder::new().min_threads(0).max_threads(max_threads).keep_alive(keep_alive);
    // Loom has no clock to end a spin by.
    builder.linger(Duration::ZERO).build_lazily()
}

/// An entry that nobody clears holds its group's memory, and that holds the entry: this then goes on for ever, which loom
/// reports.
fn assert_freed(group: Group) {
    let core = Arc::downgrade(group.core());
    drop(group);
    while core.strong_count() > 0 {
        yield_now();
    }
}

/// A submitter that finds the worker between its last look at the queue and its sleep.
#[test]
fn submit_against_park() {
    check(|| {
        let group = group(1, Duration::MAX);
        assert_eq!(group.offload(|| 1).wait(), 1);
        assert_eq!(group.offload(|| 2).wait(), 2);
    });
}

#[test]
fn two_submitters_against_park() {
    check(|| {
        let group = group(1, Duration::MAX);
        let other = group.clone();
        let submitter = thread::spawn(move || other.offload(|| 1).wait());
        assert_eq!(group.offload(|| 2).wait(), 2);
        assert_eq!(submitter.join().unwrap(), 1);
    });
}

/// The first job waits for the second: somebody else must take that one. Four threads, so fewer preemptions.
#[test]
fn a_job_behind_a_blocked_one_gets_a_thread() {
    check_bounded(1, || one_opens_the_other(&group(2, Duration::MAX)));
}

/// The same, with threads that retire as soon as they park: the watch comes and goes.
#[test]
fn a_job_behind_a_blocked_one_gets_a_thread_that_retires() {
    check_bounded(1, || one_opens_the_other(&group(2, Duration::ZERO)));
}

/// The same, with the plain rule.
#[test]
fn a_job_behind_a_blocked_one_gets_a_thread_per_job() {
    check_bounded(1, || {
        let builder = Builder::new().min_threads(0).max_threads(2).linger(Duration::ZERO);
        let builder = builder.scale(Scale::PerQueued(1)).keep_alive(Duration::MAX);
        one_opens_the_other(&builder.build_lazily());
    });
}

fn one_opens_the_other(group: &Group) {
    let gate = Arc::new(loom::sync::Notify::new());
    let open = gate.clone();
    let first = group.offload(move || gate.wait());
    let second = group.offload(move || open.notify());
    first.wait();
    second.wait();
}

/// Every thread's keep-alive is over as soon as it parks.
#[test]
fn retire_against_wake() {
    check(|| {
        let group = group(1, Duration::ZERO);
        assert_eq!(group.offload(|| 1).wait(), 1);
        assert_eq!(group.offload(|| 2).wait(), 2);
    });
}

#[test]
fn close_against_submit() {
    check(|| {
        let group = group(1, Duration::MAX);
        let ran = Arc::new(AtomicUsize::new(0));
        let (other, in_job) = (group.clone(), ran.clone());
        let submitter = thread::spawn(move || {
            match other.try_offload(move || in_job.fetch_add(1, Ordering::Relaxed)) {
                // Accepted is accepted: it runs although the group is closed.
                Ok(offload) => {
                    offload.wait();
                    1
                }
                Err(rejected) => {
                    assert!(rejected.is_closed());
                    0
                }
            }
        });
        group.close();
        let accepted = submitter.join().unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), accepted);
        assert_freed(group);
    });
}

/// A thread that leaves comes back for a job whose submitter still counted on it, though another one stays: that one is stuck. (It is in the counts
/// only, which is all that the two can see of it.)
#[test]
fn who_leaves_comes_back_though_others_stay() {
    check(|| {
        let group = group(2, Duration::MAX);
        let core = group.core().clone();
        assert!(core.counts().start(Role::Work, 2));
        core.counts().run();
        assert!(core.counts().start(Role::Work, 2));
        group.close();
        let ran = Arc::new(AtomicUsize::new(0));
        let (other, in_job) = (core.clone(), ran.clone());
        let submitter = thread::spawn(move || {
            let place = other.reserve_regardless();
            place.fill(job::new_detached(move || in_job.store(1, Ordering::Release), other.clone()));
        });
        assert!(Worker::new(&core).work(Role::Work) == End::Closed);
        submitter.join().unwrap();
        // By the thread that has left, or one that was started after that.
        while ran.load(Ordering::Acquire) == 0 {
            yield_now();
        }
    });
}

/// What is queued on behalf of others is waited for by a shutdown, or given back.
#[test]
fn push_unlimited_against_shutdown() {
    check(|| {
        let group = group(1, Duration::MAX);
        let [ended, ran, late] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
        let (core, set_ended) = (group.core().clone(), ended.clone());
        let (in_job, is_late) = (ran.clone(), late.clone());
        let pusher = thread::spawn(move || {
            let job = move || {
                is_late.store(ended.load(Ordering::Acquire), Ordering::Relaxed);
                in_job.store(1, Ordering::Release);
            };
            core.push_unlimited(job).is_ok()
        });
        let _ = group.shutdown(Deadline::NEVER);
        set_ended.store(1, Ordering::Release);
        if pusher.join().unwrap() {
            while ran.load(Ordering::Acquire) == 0 {
                yield_now();
            }
            assert_eq!(late.load(Ordering::Relaxed), 0);
        }
    });
}

#[test]
fn cancel_queued_against_run() {
    check(|| {
        let group = group(1, Duration::MAX);
        let offload = group.offload(|| 5).catch();
        group.close();
        group.core().cancel_queued();
        let cancelled = group.core().tally.abandoned();
        match offload.wait() {
            Ok(5) => assert_eq!(cancelled, 0),
            Err(JobError::Cancelled) => assert_eq!(cancelled, 1),
            other => panic!("{other:?}"),
        }
        assert_freed(group);
    });
}

#[test]
fn nested_wait_at_the_cap() {
    check(|| {
        let group = group(1, Duration::MAX);
        let inner = group.clone();
        assert_eq!(group.offload(move || inner.offload(|| 3).wait()).wait(), 3);
    });
}
