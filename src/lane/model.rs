//! Model-checked: lanes on the real core with real workers, under every interleaving that loom finds with a bounded number
//! of preemptions. Under loom a lane makes way after each job. A job that is left queued shows as a deadlock, for its awaiter; an entry that
//! nobody clears holds its lane, and shows as a loop without an end.

use super::core::Core;
use super::handle::Lane;
use crate::deadline::Deadline;
use crate::group::Group;
use crate::job::Offload;
use crate::sync::{AtomicUsize, Ordering, check, check_bounded, yield_now};
use loom::thread;
use std::sync::{Arc, Weak};
use std::time::Duration;

fn group() -> Group {
    let builder = Group::builder().min_threads(0).max_threads(1).keep_alive(Duration::MAX);
    // Loom has no clock to end a spin by.
    builder.linger(Duration::ZERO).build_lazily()
}

/// Counts its drops, which are to be one.
struct Value(Arc<AtomicUsize>);

impl Drop for Value {
    fn drop(&mut self) {
        assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), 0, "dropped twice");
    }
}

fn until_set(flag: &AtomicUsize) {
    while flag.load(Ordering::Acquire) == 0 {
        yield_now();
    }
}

fn until_freed<T: Send + 'static>(core: &Weak<Core<T>>) {
    while core.strong_count() > 0 {
        yield_now();
    }
}

fn weak<T: Send + 'static>(lane: &Lane<T>) -> Weak<Core<T>> {
    Arc::downgrade(lane.core())
}

/// The submitter finds the turn anywhere between its last look at the queue and its end.
#[test]
fn push_against_the_end_of_a_turn() {
    check_bounded(1, || {
        let lane = group().lane(0);
        lane.offload(|n| *n += 1).detach();
        assert_eq!(lane.offload(|n| *n).wait(), 1);
        assert_eq!(lane.offload(|n| *n + 1).wait(), 2);
    });
}

#[test]
fn two_pushers() {
    check_bounded(1, || {
        let lane = group().lane(0);
        let other = lane.clone();
        let pusher = thread::spawn(move || other.offload(|n| *n += 1).wait());
        lane.offload(|n| *n += 1).wait();
        pusher.join().unwrap();
        assert_eq!(lane.into_inner().wait(), Some(2));
    });
}

#[test]
fn cancel_against_the_turn() {
    check(|| {
        let lane = Lane::builder().group(&group()).queue_limit(1).build(0);
        let core = weak(&lane);
        let never_ran = lane.offload(|n| *n += 1).cancel();
        let ran = i32::from(!never_ran.never_ran());
        assert_eq!(never_ran.wait().is_some(), ran == 1);
        assert_eq!(lane.try_offload(|n| *n).unwrap().wait(), ran);
        drop(lane);
        until_freed(&core);
    });
}

/// The only thread of the group waits for a job, while others want it and the turn makes way.
#[test]
fn wait_inside_against_making_way() {
    check_bounded(1, || {
        let group = group();
        let lane = group.lane(0);
        let (inner, waiting) = (lane.clone(), group.clone());
        let outer = group.offload(move || {
            waiting.offload(|| ()).detach();
            inner.offload(|n| *n += 1).detach();
            inner.offload(|n| *n += 1).wait();
        });
        let behind = lane.offload(|n| *n += 1);
        outer.wait();
        behind.wait();
        assert_eq!(lane.into_inner().wait(), Some(3));
    });
}

/// The same with two threads that wait for the same lane: the one that is done must see to the other's job.
#[test]
fn two_wait_inside() {
    check_bounded(1, || {
        let builder = Group::builder().min_threads(0).max_threads(2).keep_alive(Duration::MAX);
        let group = builder.linger(Duration::ZERO).build_lazily();
        let lane = group.lane(0);
        let jobs = [(); 2].map(|()| {
            let inner = lane.clone();
            group.offload(move || inner.offload(|n| *n += 1).wait())
        });
        jobs.into_iter().for_each(Offload::wait);
    });
}

/// A pusher that is half-way makes the turn end for a moment, and calls the next one: which must not go to a group all of
/// whose threads wait for it.
#[test]
fn wait_inside_against_a_push() {
    check(|| {
        let group = group();
        let lane = group.lane(0);
        let inner = lane.clone();
        let outer = group.offload(move || inner.offload(|n| *n += 1).wait());
        lane.offload(|n| *n += 1).wait();
        outer.wait();
    });
}

#[test]
fn into_inner_against_a_push() {
    check_bounded(1, || {
        let lane = group().lane(0);
        let core = weak(&lane);
        let other = lane.clone();
        let pusher = thread::spawn(move || other.try_offload(|n| *n += 1).map(|job| job.catch().wait()));
        let value = lane.into_inner().wait().unwrap();
        match pusher.join().unwrap() {
            // Also one that comes to stand behind the last job.
            Ok(outcome) => assert!(outcome.is_ok() && value == 1, "accepted is accepted"),
            Err(rejected) => assert!(rejected.is_closed() && value == 0),
        }
        until_freed(&core);
    });
}

/// The pusher is overtaken by the last job between the two halves of its push.
#[test]
fn a_push_against_into_inner() {
    check_bounded(1, || {
        let lane = group().lane(0);
        let other = lane.clone();
        let taker = thread::spawn(move || other.into_inner().wait());
        let job = lane.try_offload(|n| *n += 1).map(|job| job.catch().wait().is_ok());
        let value = taker.join().unwrap().unwrap();
        match job {
            Ok(ran) => assert!(ran && value == 1, "accepted is accepted"),
            Err(rejected) => assert!(rejected.is_closed() && value == 0),
        }
    });
}

#[test]
fn the_last_handle_against_a_turn() {
    check(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let lane = group().lane(Value(drops.clone()));
        let (core, group) = (weak(&lane), Arc::downgrade(lane.group().core()));
        lane.offload(|_| ()).detach();
        drop(lane);
        until_freed(&core);
        while group.strong_count() > 0 {
            yield_now();
        }
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// A turn that comes late, as somebody who waited inside has run the jobs: it, the end of that wait, or the last handle lets go of the lane.
#[test]
fn the_last_handle_against_a_stale_turn() {
    check_bounded(1, || {
        let drops = Arc::new(AtomicUsize::new(0));
        let group = group();
        let lane = group.lane(Value(drops.clone()));
        let core = weak(&lane);
        let job = group.offload(move || lane.offload(|_| ()).wait());
        job.wait();
        while drops.load(Ordering::Relaxed) == 0 {
            yield_now();
        }
        until_freed(&core);
    });
}

/// A job that was accepted before the group was closed runs, whoever was to call the turn; one that comes after is refused; and
/// none is stuck.
#[test]
fn close_of_the_group_against_pushes() {
    check_bounded(1, || {
        let group = group();
        let lane = group.lane(0);
        let core = weak(&lane);
        let other = lane.clone();
        let pusher = thread::spawn(move || other.offload(|n| *n += 1).catch().wait().is_ok());
        let job = lane.try_offload(|n| *n += 1);
        group.close();
        let accepted = job.map(|job| job.catch().wait().is_ok());
        assert!(accepted.is_ok_and(|ran| ran), "accepted before the group was closed");
        let ran = pusher.join().unwrap();
        assert_eq!(lane.into_inner().wait(), Some(1 + i32::from(ran)));
        drop(group);
        until_freed(&core);
    });
}

/// What comes to a group as it is closed, or after, does not wait for a thread that is stuck.
#[test]
fn a_last_job_against_the_close_of_a_stuck_group() {
    check_bounded(1, || {
        let builder = Group::builder().min_threads(0).max_threads(2).keep_alive(Duration::MAX);
        let group = builder.linger(Duration::ZERO).build_lazily();
        let lane = group.lane(0);
        let stuck = group.offload(move || {
            let last = lane.end();
            while !last.is_finished() {
                yield_now();
            }
        });
        group.close();
        stuck.wait();
    });
}

/// A shutdown from the only thread, which has run the lane in place of a turn that is still queued. Another job comes, and may be called for by it: but
/// not to run after the shutdown.
#[test]
fn shutdown_inside_against_a_push() {
    check_bounded(1, || {
        let group = group();
        let lane = group.lane(0);
        let (inner, ending) = (lane.clone(), group.clone());
        let ended = Arc::new(AtomicUsize::new(0));
        let stale = Arc::new(AtomicUsize::new(0));
        let (set_ended, is_stale) = (ended.clone(), stale.clone());
        let outer = group.offload(move || {
            inner.offload(|n| *n += 1).wait();
            is_stale.store(1, Ordering::Release);
            // Before and after, as a switch of threads there is no preemption.
            yield_now();
            let left = ending.shutdown(Duration::ZERO);
            set_ended.store(1, Ordering::Relaxed);
            yield_now();
            left
        });
        until_set(&stale);
        let job = lane.try_offload(move |n| {
            *n += 1;
            ended.load(Ordering::Relaxed)
        });
        let other = job.map(|job| job.catch().wait().map(|late| assert_eq!(late, 0)).is_ok());
        let left = outer.wait();
        assert_eq!(left.cancelled, usize::from(matches!(other, Ok(false))));
        assert_eq!(lane.into_inner().wait(), Some(1 + i32::from(matches!(other, Ok(true)))));
    });
}

/// The same without an end to the patience: a job that is refused at last is not waited for.
#[test]
fn shutdown_inside_against_a_refused_push() {
    check_bounded(1, || {
        let group = group();
        let lane = group.lane(0);
        let (inner, ending) = (lane.clone(), group.clone());
        let stale = Arc::new(AtomicUsize::new(0));
        let is_stale = stale.clone();
        let outer = group.offload(move || {
            inner.offload(|n| *n += 1).wait();
            is_stale.store(1, Ordering::Release);
            yield_now();
            ending.shutdown(Deadline::NEVER)
        });
        until_set(&stale);
        group.close();
        assert!(lane.offload(|n| *n += 1).catch().wait().is_err());
        assert_eq!(outer.wait().cancelled, 0);
        assert_eq!(lane.into_inner().wait(), Some(1));
    });
}

/// What is drained after a job was accepted is drained of that job, whoever was to call the turn.
#[test]
fn drain_of_the_group_against_pushes() {
    check_bounded(1, || {
        let group = group();
        let lane = group.lane(0);
        let other = lane.clone();
        let pusher = thread::spawn(move || other.offload(|_| ()).detach());
        let job = lane.offload(|n| *n += 1);
        group.drain().wait();
        assert!(job.is_finished());
        pusher.join().unwrap();
    });
}

/// A shutdown meets a turn that is queued, runs, or makes way.
#[test]
fn shutdown_against_a_turn() {
    check(|| {
        let group = group();
        let lane = group.lane(0);
        let core = weak(&lane);
        let jobs = [(); 2].map(|()| lane.offload(|n| *n += 1).catch());
        let _ = group.shutdown(Duration::ZERO);
        let ran = jobs.map(|job| i32::from(job.wait().is_ok()));
        assert!(ran[0] >= ran[1], "in order");
        assert_eq!(lane.into_inner().wait(), Some(ran[0] + ran[1]));
        drop(group);
        until_freed(&core);
    });
}
