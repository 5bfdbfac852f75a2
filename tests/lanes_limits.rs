//! Bounds of lanes under racing cancels, and waits for lanes inside the one thread that they have.

mod util;

use aside::{Deadline, Group, Lane, Offload};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use util::sink::poll_once;
use util::{Gate, hold_thread, single_thread_group, watchdog};

/// A lane whose job stops there until the gate is opened.
fn stuck(group: &Group, limit: usize) -> (Lane<usize>, Gate) {
    let lane = Lane::builder().group(group).queue_limit(limit).build(0);
    (lane.clone(), stop(&lane))
}

fn stop(lane: &Lane<usize>) -> Gate {
    let gate = Gate::new();
    let (start, started) = mpsc::channel();
    lane.offload({
        let gate = gate.clone();
        move |_| {
            start.send(()).unwrap();
            gate.pass();
        }
    })
    .detach();
    started.recv().unwrap();
    gate
}

/// That exactly so many jobs fit.
fn assert_room(lane: &Lane<usize>, room: usize) {
    let jobs: Vec<_> = (0..room).map(|_| lane.try_offload(|n| *n += 1).unwrap()).collect();
    assert!(lane.try_offload(|n| *n += 1).unwrap_err().is_full());
    drop(jobs);
}

#[test]
fn a_limit_of_none_refuses_every_job() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let lane = Lane::builder().group(&group).queue_limit(0).build(0);
    for _ in 0..100 {
        assert!(lane.try_offload(|n| *n += 1).unwrap_err().is_full());
        lane.offload(|n| *n += 1).wait();
        drop(lane.offload(|n| *n += 1));
        lane.drain().wait();
    }
    assert_room(&lane, 0);
    assert!(lane.into_inner().wait().unwrap() >= 100);
}

/// Whoever goes beyond the bound, and whatever becomes of it, no place is lost and none is made.
#[test]
fn places_under_racing_cancels() {
    const LIMIT: usize = 5;
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let lane = Lane::builder().group(&group).queue_limit(LIMIT).build(0);
    let users: Vec<_> = (0..4)
        .map(|user| {
            let lane = lane.clone();
            let mut random = fastrand::Rng::with_seed(user);
            thread::spawn(move || {
                for _ in 0..5_000 {
                    match random.u32(0..7) {
                        0 => drop(lane.try_offload(|n| *n += 1)),
                        1 => drop(lane.offload(|n| *n += 1)),
                        2 => drop(lane.try_offload(|n| *n += 1).map(|job| job.cancel().wait())),
                        3 => drop(lane.try_offload(|n| *n += 1).map(Offload::wait)),
                        4 => drop(lane.try_offload(|n| *n += 1).map(Offload::detach)),
                        5 => drop(lane.drain()),
                        _ => {
                            let mut drain = lane.drain();
                            let _ = poll_once(&mut drain);
                        }
                    }
                }
            })
        })
        .collect();
    users.into_iter().for_each(|user| user.join().unwrap());
    lane.drain().wait();
    let gate = stop(&lane);
    assert_eq!(lane.queued(), 0);
    for _ in 0..3 {
        assert_room(&lane, LIMIT);
    }
    gate.open();
}

/// Jobs that are refused as the lane or its group is being closed give their places back, too.
#[test]
fn a_closed_lane_is_closed_and_not_full() {
    let _watchdog = watchdog();
    for closes_group in [false, true] {
        let group = single_thread_group();
        let (lane, gate) = stuck(&group, 1);
        let queued = lane.try_offload(|n| *n += 1).unwrap();
        assert!(lane.try_offload(|n| *n += 1).unwrap_err().is_full());
        let taking = (!closes_group).then(|| lane.clone().into_inner());
        if closes_group {
            group.close();
        }
        assert!(lane.try_offload(|n| *n += 1).unwrap_err().is_closed());
        gate.open();
        queued.wait();
        assert_eq!(taking.unwrap_or_else(|| lane.into_inner()).wait(), Some(1));
    }
}

#[test]
fn a_drain_that_is_dropped_changes_nothing() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (lane, gate) = stuck(&group, 3);
    let first = lane.offload(|n| *n += 1);
    let mut polled = lane.drain();
    assert!(poll_once(&mut polled).is_pending());
    let waited = lane.drain();
    assert!(!waited.wait_deadline(Duration::ZERO));
    let second = lane.offload(|n| *n += 1);
    drop((polled, lane.drain()));
    assert_eq!(lane.queued(), 2);
    assert_room(&lane, 1);
    gate.open();
    first.wait();
    second.wait();
    lane.drain().wait();
    assert_eq!(lane.into_inner().wait(), Some(2));
}

/// Neither while it waits, nor by being dropped, nor by running.
#[test]
fn a_drain_takes_no_place() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (lane, gate) = stuck(&group, 2);
    let mut waiting = [(); 5].map(|()| lane.drain());
    waiting.iter_mut().for_each(|drain| assert!(poll_once(drain).is_pending()));
    assert_room(&lane, 2);
    let [first, .., last] = waiting;
    drop(first);
    assert_room(&lane, 2);
    gate.open();
    last.wait();
    let gate = stop(&lane);
    assert_room(&lane, 2);
    gate.open();
}

/// A wait with a deadline runs nothing; one without, after it, does.
#[test]
fn a_wait_with_a_deadline_inside() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let lane = group.lane(0);
    let inner = lane.clone();
    group
        .offload(move || {
            let job = inner.offload(|n| *n += 1);
            let job = job.wait_deadline(Duration::from_millis(1)).unwrap_err();
            assert!(!inner.drain().wait_deadline(Duration::ZERO));
            let job = job.catch().wait_deadline(Duration::ZERO).unwrap_err();
            job.wait().unwrap();
            inner.drain().wait();
            // A deadline that never comes is none.
            assert!(inner.drain().wait_deadline(Deadline::NEVER));
            assert_eq!(inner.offload(|n| *n + 1).wait_deadline(Deadline::NEVER).unwrap(), 2);
        })
        .wait();
    assert_eq!(lane.into_inner().wait(), Some(1));
}

/// Each lane's job waits for one of the next lane, on the one thread that all have.
#[test]
fn a_chain_of_lanes() {
    fn down(lanes: Vec<Lane<usize>>, at: usize) -> usize {
        let Some(lane) = lanes.get(at).cloned() else { return 0 };
        // Before and behind it others that wait in the same way.
        let (before, behind) = (lanes.clone(), lanes.clone());
        lane.offload(move |_| leaf(&before, at + 1)).detach();
        let job = lane.offload(move |n| {
            *n += 1;
            *n + down(lanes, at + 1)
        });
        lane.offload(move |_| leaf(&behind, at + 1)).detach();
        job.wait()
    }
    fn leaf(lanes: &[Lane<usize>], at: usize) {
        if let Some(lane) = lanes.get(at) {
            lane.offload(|n| *n += 1).wait();
        }
    }
    let _watchdog = watchdog();
    for threads in [1, 2] {
        let group = Group::builder().max_threads(threads).build().unwrap();
        let lanes: Vec<_> = (0..8).map(|_| group.lane(0)).collect();
        let outside: Vec<_> = (0..50).map(|_| group.offload(|| ())).collect();
        let (inner, again) = (lanes.clone(), lanes.clone());
        let jobs = [group.offload(move || down(inner, 0)), group.offload(move || down(again, 0))];
        for job in jobs {
            assert!(job.wait() >= 8);
        }
        outside.into_iter().for_each(Offload::wait);
        assert_eq!(lanes[0].clone().into_inner().wait(), Some(2));
    }
}

/// The second lane's job waits for a job of the group and for `into_inner` of a third one.
#[test]
fn a_job_of_a_lane_takes_another_lanes_value() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (one, two, three) = (group.lane(1), group.lane(2), group.lane(3));
    let held = hold_thread(&group);
    three.offload(|n| *n *= 10).detach();
    let inner = group.clone();
    let job = one.offload(move |n| {
        *n + two
            .offload(move |m| {
                let plain = inner.offload(|| 100).wait();
                *m + plain + three.into_inner().wait().unwrap()
            })
            .wait()
    });
    held.release();
    assert_eq!(job.wait(), 133);
}
