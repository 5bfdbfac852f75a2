//! Jobs that wait for lanes of their own group.

mod util;

use aside::{Deadline, Group};
use util::{hold_thread, single_thread_group, watchdog};

/// The only thread waits for a job that lies further down than a turn goes, with others after the thread.
#[test]
fn a_job_far_down_is_reached() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let lane = group.lane(0);
    let (inner, other) = (lane.clone(), group.clone());
    group
        .offload(move || {
            other.offload(|| ()).detach();
            for _ in 0..1_000 {
                inner.offload(|n| *n += 1).detach();
            }
            inner.offload(|n| *n += 1).wait();
        })
        .wait();
    assert_eq!(lane.into_inner().wait(), Some(1_001));
}

/// A turn that somebody was faster than is used for the next call, and does not pile up in the group's queue.
#[test]
fn stale_turns_do_not_pile_up() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(1).queue_limit(10).build().unwrap();
    let lane = group.lane(0);
    let (inner, waiting) = (lane.clone(), group.clone());
    group
        .offload(move || {
            for _ in 0..1_000 {
                inner.offload(|n| *n += 1).wait();
            }
            assert!(waiting.stats().queued <= 1, "{:?}", waiting.stats());
            waiting.try_offload(|| ()).unwrap().detach();
        })
        .wait();
    assert_eq!(lane.into_inner().wait(), Some(1_000));
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
}

/// What is behind a running job at the end of a shutdown's patience does not start any more.
#[test]
fn a_shutdown_cancels_what_is_behind_a_running_job() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let lane = group.lane(0);
    let gate = util::Gate::new();
    let (start, started) = std::sync::mpsc::channel();
    let running = lane.offload({
        let gate = gate.clone();
        move |n| {
            start.send(()).unwrap();
            gate.pass();
            *n += 1;
        }
    });
    started.recv().unwrap();
    let behind = lane.offload(|n| *n += 10).catch();
    assert_eq!(group.shutdown(std::time::Duration::ZERO).running, 1);
    gate.open();
    running.wait();
    assert!(behind.wait().is_err());
    assert_eq!(lane.into_inner().wait(), Some(1));
}

#[test]
fn nested_waits_across_two_lanes() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (one, two) = (group.lane(1), group.lane(2));
    let held = hold_thread(&group);
    let (inner_two, inner_one) = (two.clone(), one.clone());
    let job = group.offload(move || inner_one.offload(move |n| *n + inner_two.offload(|n| *n).wait()).wait());
    held.release();
    assert_eq!(job.wait(), 3);
}
