//! Waiting for room in a bounded lane: in turn, and without leaving anybody behind when the lane or its group ends.

mod util;

use aside::{Group, Lane, Offload, OffloadWait};
use futures::executor::block_on;
use futures::future::join_all;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use util::sink::poll_once;
use util::{DropCounter, Gate, hold_thread, single_thread_group, watchdog};

type Job = Box<dyn FnOnce(&mut Vec<usize>) + Send>;
type Waiting = OffloadWait<Job, (), Lane<Vec<usize>>>;

/// A lane with room for one job, which is there and waits for the gate.
fn full(group: &Group) -> (Lane<Vec<usize>>, Gate, Offload<()>) {
    let lane = Lane::builder().group(group).queue_limit(1).build(Vec::new());
    let gate = Gate::new();
    let (start, started) = mpsc::channel();
    let stop = gate.clone();
    lane.offload(move |_| {
        start.send(()).unwrap();
        stop.pass();
    })
    .detach();
    started.recv().unwrap();
    let queued = lane.try_offload(|list| list.push(0)).unwrap();
    (lane, gate, queued)
}

/// So many who wait, from 1 on, in this order.
fn waiters(lane: &Lane<Vec<usize>>, n: usize) -> Vec<Waiting> {
    let wait = |n| {
        let job: Job = Box::new(move |list| list.push(n));
        let mut waiting = lane.offload_wait(job);
        assert!(poll_once(&mut waiting).is_pending());
        waiting
    };
    (1..=n).map(wait).collect()
}

fn is_refused(waiting: Waiting) -> bool {
    block_on(waiting).is_err_and(|rejected| rejected.is_closed())
}

#[test]
fn nothing_is_queued_before_the_first_poll() {
    let _watchdog = watchdog();
    let lane = Lane::builder().group(&single_thread_group()).queue_limit(1).build(0);
    let drops = DropCounter::new();
    let token = drops.token();
    let waiting = lane.offload_wait(move |_| drop(token));
    assert_eq!((lane.queued(), drops.count()), (0, 0));
    drop(waiting);
    assert_eq!((lane.queued(), drops.count()), (0, 1));
}

#[test]
fn all_get_through_in_turn() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (lane, gate, queued) = full(&group);
    let waiting = waiters(&lane, 1_000);
    gate.open();
    let queued_later = block_on(join_all(waiting));
    queued_later.into_iter().for_each(|job| job.unwrap().detach());
    queued.wait();
    assert_eq!(lane.into_inner().wait().unwrap(), (0..=1_000).collect::<Vec<_>>());
}

#[test]
fn threads_wait_for_room() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let lane = Lane::builder().group(&group).queue_limit(1).build(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| lane.offload_wait(|n| *n += 1).wait().unwrap().detach()));
        }
    });
    assert_eq!(lane.into_inner().wait(), Some(2_000));
}

#[test]
fn who_is_dropped_passes_the_call_on() {
    let _watchdog = watchdog();
    let (lane, gate, queued) = full(&single_thread_group());
    let mut waiting = waiters(&lane, 2);
    // Calls the first, who never comes.
    drop(queued);
    drop(waiting.remove(0));
    block_on(waiting.remove(0)).unwrap().detach();
    gate.open();
    assert_eq!(lane.into_inner().wait(), Some(vec![2]));
}

#[test]
fn all_are_told_that_the_lane_is_closed() {
    let _watchdog = watchdog();
    let (lane, gate, queued) = full(&single_thread_group());
    let waiting = waiters(&lane, 3);
    let value = lane.into_inner();
    assert!(waiting.into_iter().all(is_refused));
    gate.open();
    queued.wait();
    assert_eq!(value.wait(), Some(vec![0]));
}

#[test]
fn all_are_told_that_the_group_is_closed() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (lane, gate, queued) = full(&group);
    let waiting = waiters(&lane, 3);
    // Each sleeps on a thread of its own.
    let waiting: Vec<_> = waiting.into_iter().map(|one| thread::spawn(|| is_refused(one))).collect();
    group.close();
    gate.open();
    queued.wait();
    assert!(waiting.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn inside_the_group_a_job_goes_beyond_the_limit() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let lane = Lane::builder().group(&group).queue_limit(1).build(Vec::new());
    let inside = lane.clone();
    let queue = move || {
        for n in 0..10 {
            inside.offload_wait(move |list| list.push(n)).wait().unwrap().detach();
        }
        inside.queued()
    };
    assert_eq!(group.offload(queue).wait(), 10);
    assert_eq!(lane.into_inner().wait().unwrap(), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_limit_of_none_is_no_reason_to_wait() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let _held = hold_thread(&group);
    let lane = Lane::builder().group(&group).queue_limit(0).build(());
    assert!(block_on(lane.offload_wait(|()| ())).unwrap_err().is_full());
    // Without a limit there is always room.
    let lane = group.lane(());
    assert!(matches!(poll_once(&mut lane.offload_wait(|()| ())), Poll::Ready(Ok(_))));
}
