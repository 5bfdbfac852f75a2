//! The system refuses threads: nothing is lost, nothing hangs, and all goes on when it relents. For real: each test runs
//! in a process whose user may have no more threads.
#![cfg(target_os = "linux")]

mod util;

use aside::{BuildError, Deadline, Group, JobError, RejectReason};
use futures::executor::block_on;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::Context;
use std::time::Duration;
use util::probe_waker::ProbeWaker;
use util::process::{as_nobody, eventually, no_threads};
use util::{Counter, DropCounter, Gate, hold_thread};

/// A group without a thread.
fn empty_group() -> Group {
    Group::builder().min_threads(0).max_threads(4).build().unwrap()
}

#[test]
fn one_thread_does_all_the_work() {
    as_nobody("one_thread_does_all_the_work", || {
        let group = Group::builder().max_threads(4).build().unwrap();
        let limit = no_threads();
        let held = hold_thread(&group);
        let ran = Counter::new();
        let jobs: Vec<_> = (0..1_000)
            .map(|_| {
                let ran = ran.clone();
                group.try_offload(move || ran.add()).unwrap()
            })
            .collect();
        let batch = group.offload_all((0..1_000).map(|n| move || n));
        assert_eq!((group.stats().threads, group.stats().queued), (1, 2_000));
        assert!(group.stats().spawn_failures > 0);
        held.release();
        jobs.into_iter().for_each(aside::Offload::wait);
        assert_eq!(batch.wait().len(), 1_000);
        group.drain().wait();
        assert_eq!((ran.get(), group.stats().threads, group.stats().peak_threads), (1_000, 1, 1));
        // Jobs that wait for jobs of theirs need no second thread either.
        let inner = group.clone();
        assert_eq!(group.offload(move || inner.offload(|| 1).wait()).wait(), 1);

        // Who uses the group again finds it growing again.
        drop(limit);
        let held = hold_thread(&group);
        eventually("a second thread", || {
            group.offload(|| ()).detach();
            group.stats().threads > 1
        });
        held.release();
        assert!(group.shutdown(Deadline::NEVER).is_nothing());
    });
}

#[test]
fn refusals_do_not_cost_a_system_call_each() {
    as_nobody("refusals_do_not_cost_a_system_call_each", || {
        let group = Group::builder().max_threads(4).build().unwrap();
        let _limit = no_threads();
        let held = hold_thread(&group);
        (0..100_000).for_each(|_| group.offload(|| ()).detach());
        assert!(group.stats().spawn_failures < 10_000, "{:?}", group.stats());
        held.release();
        group.drain().wait();
    });
}

#[test]
fn no_thread_at_all_gives_the_closure_back() {
    as_nobody("no_thread_at_all_gives_the_closure_back", || {
        let group = Group::builder().min_threads(0).queue_limit(1).build().unwrap();
        let limit = no_threads();
        let assert_refused = |reason: &RejectReason| match reason {
            RejectReason::Spawn(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
            other => panic!("{other}"),
        };
        // Again and again: were the room not given back, it would be full.
        for n in 1..=3 {
            let precious = String::from("precious");
            let rejected = group.try_offload(move || precious).unwrap_err();
            assert_refused(rejected.reason());
            assert!(std::error::Error::source(&rejected).is_some());
            assert_eq!(rejected.into_job()(), "precious");
            assert_eq!(group.stats().spawn_failures, n);
        }
        assert_refused(block_on(group.offload_wait(|| ())).unwrap_err().reason());
        assert_refused(group.offload_wait(|| ()).wait().unwrap_err().reason());
        let stats = group.stats();
        assert_eq!((stats.threads, stats.idle, stats.running, stats.submitted), (0, 0, 0, 0));
        drop(limit);
        assert_eq!(group.try_offload(|| 1).unwrap().wait(), 1);
    });
}

#[test]
fn queued_jobs_wait_for_better_times() {
    as_nobody("queued_jobs_wait_for_better_times", || {
        let group = empty_group();
        // These threads are there before.
        let (give, take) = mpsc::channel::<aside::Offload<&str>>();
        let waiting = std::thread::spawn(move || take.recv().unwrap().wait());
        let (give_polled, take_polled) = mpsc::channel::<aside::Offload<&str>>();
        let polling = std::thread::spawn(move || block_on(take_polled.recv().unwrap()));
        let (give_batch, take_batch) = mpsc::channel::<aside::OffloadAll<i32>>();
        let streaming = std::thread::spawn(move || take_batch.recv().unwrap().wait());

        let limit = no_threads();
        let job = group.offload(|| "patient");
        assert_eq!((group.stats().queued, group.stats().threads), (1, 0));
        assert!(!job.is_finished());
        let job = job.wait_deadline(Duration::from_millis(10)).unwrap_err();
        assert_eq!(group.offload(|| ()).cancel().wait(), None);

        give.send(group.offload(|| "waited for")).unwrap();
        give_polled.send(group.offload(|| "polled")).unwrap();
        give_batch.send(group.offload_all((0..3).map(|n| move || n))).unwrap();
        let failures = group.stats().spawn_failures;
        eventually("they try again and again", || group.stats().spawn_failures > failures + 3);
        drop(limit);
        assert_eq!(waiting.join().unwrap(), "waited for");
        assert_eq!(polling.join().unwrap(), "polled");
        assert_eq!(streaming.join().unwrap(), [0, 1, 2]);
        assert_eq!(job.wait(), "patient");
    });
}

#[test]
fn a_later_job_brings_the_earlier_ones_along() {
    as_nobody("a_later_job_brings_the_earlier_ones_along", || {
        let group = empty_group();
        let limit = no_threads();
        let ran = Counter::new();
        for _ in 0..10 {
            let (in_job, in_callback) = (ran.clone(), ran.clone());
            group.offload(move || in_job.add()).on_done(move |_| in_callback.add());
        }
        drop(limit);
        assert_eq!(group.try_offload(|| 1).unwrap().wait(), 1);
        group.drain().wait();
        assert_eq!(ran.get(), 20);
    });
}

#[test]
fn a_drain_tries_again_too() {
    as_nobody("a_drain_tries_again_too", || {
        for as_future in [false, true] {
            let group = empty_group();
            let limit = no_threads();
            let ran = Counter::new();
            let count = ran.clone();
            // Nobody holds a handle that could be polled.
            group.offload(move || count.add()).detach();
            drop(limit);
            if as_future {
                block_on(group.drain());
            } else {
                group.drain().wait();
            }
            assert_eq!(ran.get(), 1);
        }
    });
}

#[test]
fn a_drain_hears_of_a_cancelled_job() {
    as_nobody("a_drain_hears_of_a_cancelled_job", || {
        let group = empty_group();
        let _limit = no_threads();
        let job = group.offload(|| ());
        let (mut drain, probe) = (group.drain(), ProbeWaker::new());
        let mut poll = || Pin::new(&mut drain).poll(&mut Context::from_waker(probe.waker()));
        assert!(poll().is_pending());
        // There is no thread that could tell.
        drop(job);
        assert!(probe.wakes() > 0);
        assert!(poll().is_ready());
    });
}

#[test]
fn a_group_that_cannot_be_built() {
    as_nobody("a_group_that_cannot_be_built", || {
        let limit = no_threads();
        for builder in
            [Group::builder(), Group::builder().min_threads(4), Group::builder().min_threads(0).nice(19)]
        {
            let error = builder.build().unwrap_err();
            assert!(BuildError::of(&error).is_none(), "{error:?}");
            assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        }
        assert!(Group::builder().build_global().is_err());
        drop(limit);
        assert_eq!(Group::builder().build_global().unwrap().offload(|| 1).wait(), 1);
    });
}

#[test]
fn the_global_group() {
    as_nobody("the_global_group", || {
        let limit = no_threads();
        let job = aside::offload(|| 42);
        assert!(matches!(Group::global().try_offload(|| ()).unwrap_err().reason(), RejectReason::Spawn(_)));
        drop(limit);
        assert_eq!(job.wait(), 42);
    });
}

#[test]
fn closed_without_a_thread() {
    as_nobody("closed_without_a_thread", || {
        for last_handle in [false, true] {
            let group = empty_group();
            let _limit = no_threads();
            let drops = DropCounter::new();
            let token = drops.token();
            let polled = group.offload(move || drop(token)).catch();
            let waited = group.offload(|| ());
            let (tell, hear) = mpsc::channel();
            group.offload(|| ()).on_done(move |outcome| tell.send(outcome.is_err()).unwrap());
            let token = drops.token();
            group.offload(move || drop(token)).detach();
            let drain = group.drain();
            if last_handle {
                drop(group);
            } else {
                group.close();
                assert_eq!((group.stats().queued, group.stats().cancelled), (0, 4));
            }
            assert!(matches!(block_on(polled), Err(JobError::Cancelled)));
            assert!(matches!(waited.catch().wait(), Err(JobError::Cancelled)));
            assert_eq!(hear.recv(), Ok(true));
            assert_eq!(drops.count(), 2);
            drain.wait();
        }
    });
}

#[test]
fn shut_down_without_a_thread() {
    as_nobody("shut_down_without_a_thread", || {
        for deadline in [Deadline::NEVER, Duration::from_secs(3600).into(), Duration::ZERO.into()] {
            let group = empty_group();
            let _limit = no_threads();
            let jobs: Vec<_> = (0..3).map(|_| group.offload(|| ())).collect();
            // Nobody can run them: the caller is told.
            let left = group.shutdown(deadline);
            assert_eq!((left.cancelled, left.running), (3, 0));
            for job in jobs {
                assert!(matches!(job.catch().wait(), Err(JobError::Cancelled)));
            }
        }
    });
}

#[test]
fn closed_with_one_thread() {
    as_nobody("closed_with_one_thread", || {
        let group = Group::builder().max_threads(4).build().unwrap();
        let _limit = no_threads();
        let gate = Gate::new();
        let ran = Counter::new();
        for _ in 0..100 {
            let (gate, ran) = (gate.clone(), ran.clone());
            group
                .offload(move || {
                    gate.pass();
                    ran.add();
                })
                .detach();
        }
        let drain = group.drain();
        drop(group);
        gate.open();
        drain.wait();
        assert_eq!(ran.get(), 100);
    });
}

/// A job that a group has accepted before it was closed may stand behind a thread that is stuck.
#[test]
fn a_closed_group_tries_again_too() {
    as_nobody("a_closed_group_tries_again_too", || {
        for in_lane in [false, true] {
            let group = Group::builder().max_threads(2).build().unwrap();
            let (lane, held) = (group.lane(1), hold_thread(&group));
            let limit = no_threads();
            let job = group.offload(|| 1);
            assert!(group.stats().spawn_failures > 0);
            group.close();
            drop(limit);
            assert_eq!(if in_lane { lane.into_inner().wait() } else { Some(job.wait()) }, Some(1));
            held.release();
        }
    });
}
