//! The system refuses threads: what lanes have accepted waits, or is cancelled, and no value is lost. For real: each test
//! runs in a process whose user may have no more threads.
#![cfg(target_os = "linux")]

mod util;

use aside::{Group, JobError};
use futures::executor::block_on;
use std::time::Duration;
use util::process::{as_nobody, no_threads};
use util::{Counter, DropCounter, hold_thread};

fn empty_group() -> Group {
    Group::builder().min_threads(0).max_threads(4).build().unwrap()
}

#[test]
fn jobs_of_a_lane_wait_for_better_times() {
    as_nobody("jobs_of_a_lane_wait_for_better_times", || {
        let group = empty_group();
        let lane = group.lane(0);
        let limit = no_threads();
        let jobs: Vec<_> = (0..100).map(|_| lane.offload(|n| *n += 1)).collect();
        assert!(!jobs[0].is_finished());
        assert_eq!((lane.queued(), group.stats().threads), (100, 0));
        assert!(!lane.drain().wait_deadline(Duration::from_millis(1)));
        assert_eq!(lane.offload(|n| *n += 1).cancel().wait(), None);
        drop(limit);
        jobs.into_iter().for_each(aside::Offload::wait);
        lane.drain().wait();
        assert_eq!(lane.into_inner().wait(), Some(100));
    });
}

/// Nobody but the lane asks the system again.
#[test]
fn who_waits_for_a_lane_tries_again() {
    as_nobody("who_waits_for_a_lane_tries_again", || {
        for how in 0..5 {
            let group = empty_group();
            let lane = group.lane(1);
            let limit = no_threads();
            let job = lane.offload(|n| *n += 1);
            drop(limit);
            match how {
                0 => job.wait(),
                1 => block_on(job),
                2 => {
                    job.detach();
                    lane.drain().wait();
                }
                3 => {
                    job.detach();
                    block_on(lane.drain());
                }
                _ => {
                    job.detach();
                    assert_eq!(block_on(lane.into_inner()), Some(2));
                }
            }
        }
    });
}

#[test]
fn a_lane_on_one_thread_among_many_that_are_refused() {
    as_nobody("a_lane_on_one_thread_among_many_that_are_refused", || {
        let group = Group::builder().max_threads(4).build().unwrap();
        let _limit = no_threads();
        let held = hold_thread(&group);
        let lanes: Vec<_> = (0..100).map(|_| group.lane(0)).collect();
        for _ in 0..100 {
            lanes.iter().for_each(|lane| lane.offload(|n| *n += 1).detach());
        }
        held.release();
        let (inner, ran) = (lanes[0].clone(), Counter::new());
        let count = ran.clone();
        group.offload(move || inner.offload(move |_| count.add()).wait()).wait();
        for lane in lanes {
            assert_eq!(lane.into_inner().wait(), Some(100));
        }
        assert_eq!((ran.get(), group.stats().threads), (1, 1));
    });
}

/// What was accepted cannot run any more; the value still comes, or is dropped.
#[test]
fn ended_without_a_thread() {
    as_nobody("ended_without_a_thread", || {
        for how in 0..6 {
            let (group, drops) = (empty_group(), DropCounter::new());
            let lane = group.lane(drops.token());
            let _limit = no_threads();
            let token = drops.token();
            let job = lane.offload(move |_| drop(token)).catch();
            let end = || match how % 3 {
                0 => group.close(),
                1 => drop(group.shutdown(Duration::ZERO)),
                _ => drop(group.shutdown(aside::Deadline::NEVER)),
            };
            if how < 3 {
                end();
                assert!(matches!(job.wait(), Err(JobError::Cancelled)));
                assert_eq!(drops.count(), 1);
                lane.drain().wait();
                drop(lane.into_inner().wait().expect("the value is still there"));
            } else {
                drop(lane);
                end();
                assert!(matches!(job.wait(), Err(JobError::Cancelled)));
            }
            assert_eq!(drops.count(), 2, "ended in the way {how}");
        }
    });
}
