//! How long jobs waited and ran.
#![cfg(feature = "timings")]

mod util;

use aside::{Group, RejectReason};
use std::time::{Duration, Instant};
use util::{expected_panic, hold_thread, hush, panic_of, watchdog};

fn group() -> Group {
    Group::builder().timings(true).max_threads(1).build().unwrap()
}

#[test]
fn off_by_default() {
    assert!(Group::builder().build().unwrap().timings().is_none());
    assert!(Group::builder().timings(true).timings(false).build().unwrap().timings().is_none());
}

#[test]
fn nothing_has_run_yet() {
    let timings = group().timings().unwrap();
    assert_eq!(timings.time_in_queue.count(), 0);
    assert_eq!(timings.run_time.percentile(50.0), None);
    assert_eq!(timings.run_time.buckets().count(), 0);
}

#[test]
fn every_job_that_ran_counts_once() {
    hush();
    let _watchdog = watchdog();
    let group = group();
    group.offload(|| ()).wait();
    group.offload_all((0..10).map(|n| move || n)).wait();
    group.try_offload(|| ()).unwrap().wait();
    futures::executor::block_on(async { group.offload_wait(|| ()).await.unwrap().await });
    panic_of(|| group.offload(|| expected_panic("in a job")).wait());
    let inner = group.clone();
    group.offload(move || inner.offload(|| ()).wait()).wait();
    group.drain().wait();

    let timings = group.timings().unwrap();
    assert_eq!(timings.time_in_queue.count(), 16);
    assert_eq!(timings.run_time.count(), 16);
    assert_eq!(timings.run_time.buckets().map(|(_, count)| count).sum::<u64>(), 16);
}

/// The clock that the test reads itself gives bounds for what is measured.
#[test]
fn times_are_what_they_are() {
    let _watchdog = watchdog();
    let group = group();
    let held = hold_thread(&group);
    let begun = Instant::now();
    let waiting = group.offload(|| std::thread::sleep(Duration::from_millis(20)));
    let queued = Instant::now();
    std::thread::sleep(Duration::from_millis(30));
    let waited_at_least = queued.elapsed();
    held.release();
    waiting.wait();
    let total = begun.elapsed();

    let timings = group.timings().unwrap();
    let (waited, ran) = (timings.time_in_queue.percentile(100.0), timings.run_time.percentile(0.0));
    assert!(waited >= Some(waited_at_least), "{timings:?}");
    assert!(waited <= Some(total * 17 / 16), "{timings:?}");
    assert!(ran >= Some(Duration::from_millis(20)), "{timings:?}");
    assert_eq!(timings.run_time.percentile(101.0), None);
    assert_eq!(timings.run_time.percentile(-1.0), None);
    assert_eq!(timings.run_time.percentile(f64::NAN), None);
}

#[test]
fn cancelled_and_rejected_jobs_do_not_count_and_come_back_whole() {
    let _watchdog = watchdog();
    let group = Group::builder().timings(true).max_threads(1).queue_limit(1).build().unwrap();
    let held = hold_thread(&group);
    let cancelled = group.offload(|| ());
    let rejected = group.try_offload(|| "mine").unwrap_err();
    assert!(rejected.is_full());
    drop(cancelled);
    held.release();
    group.close();
    let closed = group.try_offload(rejected.into_job()).unwrap_err();
    assert!(matches!(closed.reason(), RejectReason::Closed));
    assert_eq!((closed.into_job())(), "mine");
    assert_eq!(group.timings().unwrap().time_in_queue.count(), 1);
}
