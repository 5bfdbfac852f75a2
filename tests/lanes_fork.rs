//! Lanes across a fork: in the child nothing of them runs, is dropped, or is waited for in vain. For real.
#![cfg(unix)]

mod util;

use aside::{Group, IntoInner, Lane, LaneDrain, Offload};
use futures::executor::block_on;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use util::fork::{alone, assert_cancelled, assert_works, forked_with, shared_counter};
use util::sink::poll_once;
use util::{Gate, hold_thread, panic_message_of, single_thread_group};

/// Its drops are counted, those of parent and child together.
struct Value(u64, &'static AtomicUsize);

impl Drop for Value {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

fn add(value: &mut Value) -> u64 {
    value.0 += 1;
    value.0
}

fn count(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::SeqCst)
}

/// All that a child may try with a lane of its parent.
fn assert_is_the_parents(lane: Lane<Value>) {
    assert!(lane.is_closed());
    let _ = (lane.queued(), lane.is_poisoned(), format!("{lane:?}"));
    assert!(lane.try_offload(add).unwrap_err().is_closed());
    assert!(block_on(lane.offload_wait(add)).unwrap_err().is_closed());
    assert!(lane.offload_wait(add).wait().unwrap_err().is_closed());
    assert_cancelled(lane.offload(add).catch().wait());
    assert_cancelled(block_on(lane.offload(add).catch()));
    lane.offload(add).detach();
    lane.drain().wait();
    block_on(lane.drain());
    drop(lane.drain());
    assert!(lane.drain().wait_deadline(aside::Deadline::NEVER));
    assert!(lane.clone().into_inner().wait().is_none());
    assert!(block_on(lane.clone().into_inner()).is_none());
    drop(lane.clone().into_inner());
    drop(lane);
    assert_works(Group::global());
    assert_works(&single_thread_group());
    let own = single_thread_group().lane(1);
    own.offload(|n| *n += 1).detach();
    assert_eq!(own.into_inner().wait(), Some(2));
}

#[test]
fn at_rest() {
    alone("at_rest", || {
        let drops = shared_counter();
        let group = single_thread_group();
        let lane = group.lane(Value(0, drops));
        assert_eq!(lane.offload(add).wait(), 1);
        let untouched = group.lane(Value(0, drops));
        let (lane, untouched) = forked_with((lane, untouched), |(lane, untouched)| {
            assert_is_the_parents(lane);
            drop(untouched);
            drop(group.clone());
        });
        assert_eq!(count(drops), 0, "the child dropped the parent's value");
        assert_eq!(lane.offload(add).wait(), 2);
        assert_eq!(lane.into_inner().wait().unwrap().0, 2);
        drop(untouched);
        group.drain().wait();
        assert_eq!(count(drops), 2);
    });
}

/// What a parent may have of a lane whose jobs wait behind another.
struct Inherited {
    lane: Lane<Value>,
    queued: Vec<Offload<u64>>,
    drain: LaneDrain,
}

impl Inherited {
    fn new(lane: &Lane<Value>) -> Self {
        let queued = (0..10).map(|_| lane.offload(add)).collect();
        let mut drain = lane.drain();
        assert!(poll_once(&mut drain).is_pending());
        Self { lane: lane.clone(), queued, drain }
    }

    fn ends_in_the_child(mut self) {
        assert!(self.queued.iter().all(Offload::is_finished));
        let mut queued = || self.queued.pop().unwrap();
        assert_cancelled(queued().catch().wait());
        assert_cancelled(block_on(queued().catch()));
        assert_eq!(queued().cancel().wait(), None);
        let job = queued();
        assert!(panic_message_of(|| job.wait()).contains("cancelled"));
        let (tell, hear) = mpsc::channel();
        queued().on_done(move |outcome| tell.send(outcome.is_err()).unwrap());
        assert_eq!(hear.recv(), Ok(true));
        drop(queued());
        queued().detach();
        self.drain.wait();
        assert_is_the_parents(self.lane);
    }

    fn goes_on_in_the_parent(self, before: u64) {
        let lane = self.lane;
        let outputs: Vec<_> = self.queued.into_iter().map(Offload::wait).collect();
        assert_eq!(outputs, (before + 1..=before + 10).collect::<Vec<_>>());
        self.drain.wait();
        assert_eq!(lane.into_inner().wait().unwrap().0, before + 10);
    }
}

#[test]
fn with_jobs_queued() {
    alone("with_jobs_queued", || {
        let drops = shared_counter();
        let group = single_thread_group();
        let held = hold_thread(&group);
        let lane = group.lane(Value(0, drops));
        let inherited = forked_with(Inherited::new(&lane), Inherited::ends_in_the_child);
        assert_eq!(count(drops), 0);
        held.release();
        drop(lane);
        inherited.goes_on_in_the_parent(0);
        assert_works(&group);
        assert_eq!(count(drops), 1);
    });
}

/// The value is locked by a thread that the child does not have.
#[test]
fn in_the_midst_of_a_job() {
    alone("in_the_midst_of_a_job", || {
        let drops = shared_counter();
        let group = single_thread_group();
        let lane = group.lane(Value(0, drops));
        let gate = Gate::new();
        let (start, started) = mpsc::channel();
        let running = lane.offload({
            let gate = gate.clone();
            move |value| {
                start.send(()).unwrap();
                gate.pass();
                add(value)
            }
        });
        started.recv().unwrap();
        let inherited = (running, Inherited::new(&lane));
        drop(lane);
        let (running, inherited) = forked_with(inherited, |(running, inherited)| {
            assert_cancelled(running.catch().wait());
            inherited.ends_in_the_child();
        });
        gate.open();
        assert_eq!(running.wait(), 1);
        inherited.goes_on_in_the_parent(1);
        assert_eq!(count(drops), 1);
    });
}

/// Before it has come, and when it has.
#[test]
fn a_value_that_is_on_its_way_is_the_parents() {
    alone("a_value_that_is_on_its_way_is_the_parents", || {
        let drops = shared_counter();
        for has_come in [false, true] {
            for use_it in [
                |value: IntoInner<Value>| assert!(value.wait().is_none()),
                |value: IntoInner<Value>| assert!(block_on(value).is_none()),
                |value: IntoInner<Value>| drop(value),
            ] {
                let group = single_thread_group();
                let held = hold_thread(&group);
                let lane = group.lane(Value(7, drops));
                let mut value = lane.into_inner();
                assert!(poll_once(&mut value).is_pending());
                let mut held = Some(held);
                if has_come {
                    held.take().unwrap().release();
                    group.drain().wait();
                }
                let before = count(drops);
                let value = forked_with(value, use_it);
                assert_eq!(count(drops), before);
                drop(held);
                assert_eq!(value.wait().unwrap().0, 7);
                assert_eq!(count(drops), before + 1);
            }
        }
    });
}

#[test]
fn inside_a_job_of_the_lane() {
    alone("inside_a_job_of_the_lane", || {
        let drops = shared_counter();
        let group = single_thread_group();
        let lane = group.lane(Value(0, drops));
        let held = hold_thread(&group);
        let (give, take) = mpsc::channel::<Inherited>();
        let forking = lane.offload(move |value| {
            let inherited = forked_with(take.recv().unwrap(), |inherited| inherited.ends_in_the_child());
            add(value);
            inherited
        });
        give.send(Inherited::new(&lane)).unwrap();
        drop(lane);
        held.release();
        forking.wait().goes_on_in_the_parent(1);
        assert_works(&group);
        assert_eq!(count(drops), 1);
    });
}

/// Forks, and returns in both. The child ends with the only thread it has.
fn fork_and_return(value: &mut Value) {
    // SAFETY: as in `forked_with`.
    match unsafe { libc::fork() } {
        -1 => panic!("{}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: no preconditions. Kills the child if it hangs.
            unsafe { libc::alarm(30) };
        }
        child => {
            let mut status = 0;
            // SAFETY: the pointer is that of a live integer.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0, "the forked child failed");
        }
    }
    value.0 += 1;
}

#[test]
fn a_job_that_returns_in_the_child_too_ends_only_in_the_parent() {
    alone("a_job_that_returns_in_the_child_too_ends_only_in_the_parent", || {
        let (drops, called, ran) = (shared_counter(), shared_counter(), shared_counter());
        let group = single_thread_group();
        let held = hold_thread(&group);
        let lane = group.lane(Value(0, drops));
        lane.offload(fork_and_return).on_done(move |outcome| {
            outcome.unwrap();
            called.fetch_add(1, Ordering::SeqCst);
        });
        let behind = lane.offload(move |value| {
            ran.fetch_add(1, Ordering::SeqCst);
            add(value)
        });
        drop(lane);
        held.release();
        assert_eq!(behind.wait(), 2);
        group.drain().wait();
        assert_eq!([drops, called, ran].map(count), [1, 1, 1], "drops, called, ran");
        assert_works(&group);
    });
}

/// The turn is taken up inside a job that waits; in the child that wait must end.
#[test]
fn a_job_that_a_waiting_job_runs_may_return_in_the_child_too() {
    alone("a_job_that_a_waiting_job_runs_may_return_in_the_child_too", || {
        let drops = shared_counter();
        let group = single_thread_group();
        let lane = group.lane(Value(0, drops));
        let inner = lane.clone();
        group
            .offload(move || {
                inner.offload(fork_and_return).detach();
                inner.offload(add).wait()
            })
            .wait();
        assert_eq!(lane.into_inner().wait().unwrap().0, 2);
        assert_eq!(count(drops), 1);
        assert_works(&group);
    });
}

/// The last handle is gone, and the value is being dropped by its thread.
#[test]
fn inside_the_destructor_of_the_value() {
    struct Forking(Gate, &'static AtomicUsize);
    impl Drop for Forking {
        fn drop(&mut self) {
            self.0.pass();
            forked_with((), |()| assert_works(Group::global()));
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    alone("inside_the_destructor_of_the_value", || {
        let drops = shared_counter();
        let group = single_thread_group();
        let gate = Gate::new();
        drop(group.lane(Forking(gate.clone(), drops)));
        gate.open();
        group.drain().wait();
        assert_eq!(count(drops), 1);
    });
}
