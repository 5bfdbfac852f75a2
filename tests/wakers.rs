//! What happens to a waker: the last one is woken, once; each clone is dropped once; a panic of one ends with it.

mod util;

use aside::{Group, Offload};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread::current;
use util::probe_waker::ProbeWaker;
use util::{RunningJob, hold_thread, hush, panic_message_of, single_thread_group, start_job, watchdog};

fn poll<T>(offload: &mut Offload<T>, waker: &Waker) -> Poll<T> {
    Pin::new(offload).poll(&mut Context::from_waker(waker))
}

/// Lets the job end. Its waker has been called, and its cell let go of, when this returns.
fn finish<T>(group: &Group, job: RunningJob<T>) -> Offload<T> {
    job.gate.open();
    group.drain().wait();
    job.offload
}

#[track_caller]
fn assert_touched(probe: &ProbeWaker, clones: usize, wakes: usize, drops: usize) {
    assert_eq!(
        (probe.clones(), probe.wakes(), probe.drops()),
        (clones, wakes, drops),
        "clones, wakes, drops"
    );
}

#[test]
fn a_waker_is_cloned_woken_and_dropped_once() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let probe = ProbeWaker::new();
    let mut job = start_job(&group, || 5);
    assert!(poll(&mut job.offload, probe.waker()).is_pending());
    assert_touched(&probe, 1, 0, 0);
    let mut offload = finish(&group, job);
    assert_eq!((probe.clones(), probe.wakes()), (1, 1));
    assert_eq!(poll(&mut offload, probe.waker()), Poll::Ready(5));
    assert_touched(&probe, 1, 1, 1);
}

#[test]
fn a_job_that_is_done_already_touches_no_waker() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let probe = ProbeWaker::new();
    let mut offload = util::finished_job(&group, || 5);
    assert_eq!(poll(&mut offload, probe.waker()), Poll::Ready(5));
    assert_touched(&probe, 0, 0, 0);
}

#[test]
fn a_detached_job_wakes_nobody() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let probe = ProbeWaker::new();
    let mut job = start_job(&group, || 5);
    assert!(poll(&mut job.offload, probe.waker()).is_pending());
    job.offload.detach();
    assert_touched(&probe, 1, 0, 1);
    job.gate.open();
    group.drain().wait();
    assert_touched(&probe, 1, 0, 1);
}

#[test]
fn the_same_waker_is_not_cloned_again() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let probe = ProbeWaker::new();
    let mut job = start_job(&group, || 5);
    for _ in 0..10 {
        assert!(poll(&mut job.offload, probe.waker()).is_pending());
    }
    assert_touched(&probe, 1, 0, 0);
    let mut offload = finish(&group, job);
    assert_eq!(poll(&mut offload, probe.waker()), Poll::Ready(5));
    assert_touched(&probe, 1, 1, 1);
}

#[test]
fn only_the_last_waker_is_woken() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let probes: Vec<_> = (0..10).map(|_| ProbeWaker::new()).collect();
    let mut job = start_job(&group, || 5);
    for (n, probe) in probes.iter().enumerate() {
        assert!(poll(&mut job.offload, probe.waker()).is_pending());
        assert_touched(probe, 1, 0, 0);
        if let Some(before) = n.checked_sub(1) {
            assert_touched(&probes[before], 1, 0, 1);
        }
    }
    let offload = finish(&group, job);
    let (last, replaced) = probes.split_last().unwrap();
    replaced.iter().for_each(|probe| assert_touched(probe, 1, 0, 1));
    assert_eq!(last.wakes(), 1);
    // Blocking takes the place of a waker like any other poll.
    assert_eq!(offload.wait(), 5);
    assert_touched(last, 1, 1, 1);
}

#[test]
fn a_blocking_wait_replaces_the_waker() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let probe = ProbeWaker::new();
    let mut job = start_job(&group, || 5);
    assert!(poll(&mut job.offload, probe.waker()).is_pending());
    let offload = job.offload.wait_deadline(std::time::Duration::ZERO).unwrap_err();
    assert_touched(&probe, 1, 0, 1);
    job.gate.open();
    assert_eq!(offload.wait(), 5);
    group.drain().wait();
    assert_touched(&probe, 1, 0, 1);
}

#[test]
fn a_waker_is_dropped_with_the_handle() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let probe = ProbeWaker::new();
    // While the job runs.
    let mut job = start_job(&group, || 5);
    assert!(poll(&mut job.offload, probe.waker()).is_pending());
    drop(job.offload);
    assert_touched(&probe, 1, 0, 1);
    job.gate.open();
    group.drain().wait();
    assert_touched(&probe, 1, 0, 1);
    // After its end.
    let mut job = start_job(&group, || 5);
    assert!(poll(&mut job.offload, probe.waker()).is_pending());
    drop(finish(&group, job));
    assert_touched(&probe, 2, 1, 2);
    // Before its start: the job's entry stays in the queue, and the waker goes with it at the latest.
    let held = hold_thread(&group);
    let mut queued = group.offload(|| 5);
    assert!(poll(&mut queued, probe.waker()).is_pending());
    drop(queued);
    held.release();
    group.offload(|| "the dead entry before this was passed").wait();
    group.drain().wait();
    assert_touched(&probe, 3, 1, 3);
}

/// Its entry may stay in the queue for as long as the thread is busy; what the waker holds must not.
#[test]
fn a_cancelled_job_drops_its_waker_at_once() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let (good, bad) = (ProbeWaker::new(), ProbeWaker::new());
    bad.panic_when_dropped(true);
    let end_it: [fn(Offload<u8>); 3] =
        [drop, |offload| assert!(offload.cancel().never_ran()), |offload| drop(offload.catch())];
    for (n, end) in (1..).zip(end_it) {
        for probe in [&good, &bad] {
            let mut queued = group.offload(|| 5);
            assert!(poll(&mut queued, probe.waker()).is_pending());
            end(queued);
            assert_touched(probe, n, 0, n);
        }
    }
    held.release();
    group.drain().wait();
    assert_touched(&good, 3, 0, 3);
    assert_touched(&bad, 3, 0, 3);
}

#[test]
fn a_panic_of_wake_costs_no_worker() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let probe = ProbeWaker::new();
    probe.panic_when_woken(true);
    let mut job = start_job(&group, || 5);
    let thread = job.thread;
    assert!(poll(&mut job.offload, probe.waker()).is_pending());
    let behind = group.offload(|| current().id());
    let mut offload = finish(&group, job);
    assert_eq!(behind.wait(), thread);
    assert_eq!(poll(&mut offload, probe.waker()), Poll::Ready(5));
    assert_touched(&probe, 1, 1, 1);
    assert_eq!(group.stats().peak_threads, 1);
}

#[test]
fn a_panic_of_clone_leaves_a_handle_that_works() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let (good, bad) = (ProbeWaker::new(), ProbeWaker::new());
    bad.panic_when_cloned(true);
    let clone_panics = |offload: &mut Offload<u8>| {
        assert!(panic_message_of(|| poll(offload, bad.waker())).ends_with("the clone of a waker"));
    };

    // First, on an empty slot; then again, when another waker has to make way for it.
    let mut job = start_job(&group, || 5);
    clone_panics(&mut job.offload);
    assert!(poll(&mut job.offload, good.waker()).is_pending());
    clone_panics(&mut job.offload);
    assert!(poll(&mut job.offload, good.waker()).is_pending());
    let mut offload = finish(&group, job);
    assert_eq!(good.wakes(), 1);
    assert_eq!(poll(&mut offload, bad.waker()), Poll::Ready(5));
    assert_eq!(good.clones(), good.drops());
    assert_touched(&bad, 0, 0, 0);

    let mut dropped = start_job(&group, || 5);
    clone_panics(&mut dropped.offload);
    drop(dropped.offload);
    dropped.gate.open();
    let mut waited = group.offload(|| 6);
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(&mut waited, bad.waker())));
    drop(waited);
    group.drain().wait();
    assert_eq!(group.offload(|| 7).wait(), 7);
}

#[test]
fn a_panic_of_a_wakers_destructor_ends_there() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let (good, bad) = (ProbeWaker::new(), ProbeWaker::new());
    bad.panic_when_dropped(true);
    // When another replaces it.
    let mut replaced = start_job(&group, || 5);
    let thread = replaced.thread;
    assert!(poll(&mut replaced.offload, bad.waker()).is_pending());
    assert!(poll(&mut replaced.offload, good.waker()).is_pending());
    assert_touched(&bad, 1, 0, 1);
    assert_eq!(finish(&group, replaced).wait(), 5);
    assert_touched(&good, 1, 1, 1);
    // When the handle is dropped while the job runs.
    let mut dropped = start_job(&group, || 5);
    assert!(poll(&mut dropped.offload, bad.waker()).is_pending());
    drop(dropped.offload);
    dropped.gate.open();
    assert_touched(&bad, 2, 0, 2);
    // When it goes with the cell.
    let mut polled = start_job(&group, || 5);
    assert!(poll(&mut polled.offload, bad.waker()).is_pending());
    let mut offload = finish(&group, polled);
    assert_eq!(poll(&mut offload, bad.waker()), Poll::Ready(5));
    assert_touched(&bad, 3, 1, 3);

    assert_eq!(group.offload(|| current().id()).wait(), thread);
    assert_eq!(group.stats().peak_threads, 1);
}
