//! Jobs that wait for lanes of their own group.

mod util;

use aside::{Deadline, Group};
use std::time::Duration;
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
    assert_eq!(group.shutdown(Duration::ZERO).running, 1);
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

/// A lane's job that is waited for by the only thread, which runs it right there, shuts the group down; or that thread does so afterwards. The
/// turn that nobody needs any more is still queued, and nobody is left to take it.
#[test]
fn a_turn_that_would_come_in_vain_holds_up_no_shutdown() {
    let _watchdog = watchdog();
    for in_lane in [true, false] {
        let group = single_thread_group();
        let (lane, inner) = (group.lane(0), group.clone());
        let outer = group.offload({
            let lane = lane.clone();
            move || {
                let ending = inner.clone();
                let end = move || ending.shutdown(Deadline::NEVER);
                if in_lane {
                    lane.offload(move |_| end()).wait()
                } else {
                    lane.offload(|n| *n += 1).wait();
                    end()
                }
            }
        });
        let left = outer.wait();
        assert_eq!((left.cancelled, left.running), (0, 1));
        assert!(group.shutdown(Deadline::NEVER).is_nothing());
        assert_eq!(lane.into_inner().wait(), Some(i32::from(!in_lane)));
    }
}

/// Such a turn is no job: neither cancelled nor left over. One that jobs wait for is.
#[test]
fn a_turn_that_would_come_in_vain_is_not_counted_as_cancelled() {
    let _watchdog = watchdog();
    for has_more in [false, true] {
        let group = single_thread_group();
        let (lane, other) = (group.lane(0), group.lane(0));
        let gate = util::Gate::new();
        let (start, started) = std::sync::mpsc::channel();
        let outer = group.offload({
            let (lane, gate) = (lane.clone(), gate.clone());
            move || {
                lane.offload(|n| *n += 1).wait();
                start.send(()).unwrap();
                gate.pass();
            }
        });
        started.recv().unwrap();
        let more = has_more.then(|| other.offload(|n| *n += 1).catch());
        let left = group.shutdown(Duration::ZERO);
        assert_eq!((left.cancelled, left.running), (has_more.into(), 1));
        assert_eq!(group.stats().cancelled, has_more.into());
        gate.open();
        outer.wait();
        assert!(more.is_none_or(|more| more.wait().is_err()));
        assert!(group.shutdown(Deadline::NEVER).is_nothing());
    }
}

/// A turn that is still queued, in vain, makes no closed group take jobs.
#[test]
fn a_closed_group_is_closed_to_a_lane_with_a_turn_on_its_way() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (lane, inner) = (group.lane(0), group.clone());
    let (outer, closed) = (lane.clone(), lane.clone());
    let refused = group.offload(move || {
        outer.offload(|n| *n += 1).wait();
        inner.close();
        closed.offload(|n| *n += 10).catch().wait()
    });
    assert!(matches!(refused.wait(), Err(aside::JobError::Cancelled)));
    assert_eq!(lane.into_inner().wait(), Some(1));
}

/// A turn behind which all jobs are cancelled would come in vain, too; also if they are while the shutdown waits for it.
#[test]
fn a_turn_for_cancelled_jobs_holds_up_no_shutdown() {
    let _watchdog = watchdog();
    for meanwhile in [false, true] {
        let group = single_thread_group();
        let (lane, inner) = (group.lane(0), group.clone());
        let (give, job) = std::sync::mpsc::channel();
        let outer = group.offload({
            let lane = lane.clone();
            move || {
                give.send(lane.offload(|n| *n += 1)).unwrap();
                if !meanwhile {
                    lane.offload(|n| *n += 1).cancel().wait();
                }
                inner.shutdown(Deadline::NEVER)
            }
        });
        let job = job.recv().unwrap();
        if meanwhile {
            util::process::eventually("it shuts down", || group.is_closed());
        }
        drop(job);
        let left = outer.wait();
        assert_eq!((left.cancelled, left.running), (0, 1));
        assert!(group.shutdown(Deadline::NEVER).is_nothing());
        assert_eq!(lane.into_inner().wait(), Some(0));
    }
}
