//! Many jobs with one push: their outputs in their order, and every end that a batch can come to.

mod util;

use aside::{Group, JobError, Offload};
use futures::executor::{block_on, block_on_stream};
use futures::stream::FusedStream;
use futures::{FutureExt, Stream, StreamExt};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use util::{
    Counter, DropCounter, EXPECTED, Gate, expected_panic, hold_thread, hush, panic_message_of, panic_of,
    watchdog,
};

fn group(max: usize) -> Group {
    Group::builder().max_threads(max).build().unwrap()
}

#[test]
fn outputs_in_the_order_of_the_jobs() {
    let _watchdog = watchdog();
    let group = group(4);
    // The jobs end in the opposite order: each waits for the one behind it.
    let gates: Vec<_> = (0..=4).map(|_| Gate::new()).collect();
    gates[4].open();
    let jobs = (0..4).map(|n| {
        let (mine, behind) = (gates[n].clone(), gates[n + 1].clone());
        move || {
            behind.pass();
            mine.open();
            n
        }
    });
    let outputs: Vec<_> = block_on(group.offload_all(jobs).collect());
    assert_eq!(outputs, [0, 1, 2, 3]);
}

#[test]
fn on_every_executor() {
    let _watchdog = watchdog();
    async fn task() {
        let group = group(3);
        let outputs: Vec<_> = group.offload_all((0..100).map(|n| move || n * n)).collect().await;
        assert_eq!(outputs, (0..100).map(|n| n * n).collect::<Vec<_>>());
    }
    block_on(task());
    smol::block_on(smol::spawn(task()));
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(task());
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    multi.block_on(async { tokio::spawn(task()).await.unwrap() });
    assert_eq!(group(2).offload_all((0..5).map(|n| move || n)).wait(), [0, 1, 2, 3, 4]);
}

#[test]
fn jobs_start_in_their_order_on_one_thread() {
    let _watchdog = watchdog();
    let group = group(1);
    let (tell, hear) = std::sync::mpsc::channel();
    let before = group.offload({
        let tell = tell.clone();
        move || tell.send(0).unwrap()
    });
    let batch = group.offload_all((1..=50).map(|n| {
        let tell = tell.clone();
        move || tell.send(n).unwrap()
    }));
    let after = group.offload(move || tell.send(51).unwrap());
    after.wait();
    assert_eq!(hear.iter().collect::<Vec<_>>(), (0..=51).collect::<Vec<_>>());
    assert_eq!(batch.wait().len(), 50);
    before.wait();
}

#[test]
fn size_hint_len_and_fused() {
    let _watchdog = watchdog();
    let mut batch = group(2).offload_all((0..3).map(|n| move || n));
    for left in (1..=3).rev() {
        assert_eq!((batch.len(), batch.is_empty(), batch.is_terminated()), (left, false, false));
        assert_eq!(batch.size_hint(), (left, Some(left)));
        assert_eq!(block_on(batch.next()), Some(3 - left));
    }
    assert_eq!((batch.len(), batch.is_empty(), batch.is_terminated()), (0, true, true));
    assert_eq!(batch.size_hint(), (0, Some(0)));
    assert_eq!(block_on(batch.next()), None);
    assert_eq!(block_on(batch.next()), None);
}

#[test]
fn no_jobs_at_all() {
    let _watchdog = watchdog();
    let group = Group::builder().min_threads(0).queue_limit(1).build().unwrap();
    let mut batch = group.offload_all(Vec::<fn() -> u8>::new());
    assert_eq!((batch.len(), batch.is_terminated()), (0, true));
    assert_eq!(batch.next().now_or_never(), Some(None));
    assert_eq!(group.offload_all(Vec::<fn() -> u8>::new()).wait(), []);
    assert_eq!((group.stats().submitted, group.stats().threads), (0, 0));
    group.drain().wait();
    assert_eq!(group.try_offload(|| 1).unwrap().wait(), 1);
}

#[test]
fn a_panic_in_the_middle() {
    let _watchdog = watchdog();
    hush();
    let group = group(2);
    let jobs = || (0..5).map(|n| move || if n == 2 { expected_panic("the third") } else { n });
    let mut batch = group.offload_all(jobs());
    assert_eq!((block_on(batch.next()), block_on(batch.next())), (Some(0), Some(1)));
    assert_eq!(panic_message_of(|| block_on(batch.next())), format!("{EXPECTED}the third"));
    assert_eq!(batch.len(), 2);
    assert_eq!(block_on(batch.collect::<Vec<_>>()), [3, 4]);
    assert_eq!(panic_message_of(|| group.offload_all(jobs()).wait()), format!("{EXPECTED}the third"));
    group.drain().wait();
    assert_eq!(group.stats().panicked, 2);
    // The single handles tell without a panic.
    let outcomes: Vec<_> = group.offload_all(jobs()).into_iter().map(|job| job.catch().wait()).collect();
    assert!(matches!(&outcomes[2], Err(JobError::Panicked(panic)) if panic.message().is_some()));
    assert_eq!(outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).sum::<i32>(), 8);
}

#[test]
fn dropping_it_cancels_what_has_not_started() {
    let _watchdog = watchdog();
    let group = group(1);
    let held = hold_thread(&group);
    let (ran, drops) = (Counter::new(), DropCounter::new());
    let jobs = (0..200).map(|_| {
        let (ran, token) = (ran.clone(), drops.token());
        move || {
            ran.add();
            token
        }
    });
    let mut batch = group.offload_all(jobs);
    assert!(batch.next().now_or_never().is_none());
    assert_eq!(group.stats().queued, 200);
    drop(batch);
    assert_eq!((drops.count(), group.stats().cancelled, group.stats().queued), (200, 200, 0));
    held.release();
    group.drain().wait();
    assert_eq!(ran.get(), 0);
}

#[test]
fn dropping_it_drops_each_output_once() {
    let _watchdog = watchdog();
    for _ in 0..100 {
        let group = group(2);
        let drops = DropCounter::new();
        let mut batch = group.offload_all((0..50).map(|_| {
            let token = drops.token();
            move || token
        }));
        let first = block_on(batch.next());
        drop(batch);
        assert!(group.shutdown(aside::Deadline::NEVER).is_nothing());
        assert_eq!(drops.count(), 49);
        drop(first);
        assert_eq!((drops.count(), group.stats().finished + group.stats().cancelled), (50, 50));
    }
}

#[test]
fn detached_all_run() {
    let _watchdog = watchdog();
    let group = group(2);
    let held = [hold_thread(&group), hold_thread(&group)];
    let ran = Counter::new();
    let batch = group.offload_all((0..100).map(|_| {
        let ran = ran.clone();
        move || ran.add()
    }));
    batch.detach();
    held.into_iter().for_each(util::HeldThread::release);
    group.drain().wait();
    assert_eq!(ran.get(), 100);
}

#[test]
fn the_single_handles() {
    let _watchdog = watchdog();
    let group = group(1);
    let held = hold_thread(&group);
    let mut handles: Vec<Offload<_>> = group.offload_all((0..4).map(|n| move || n)).into_iter().collect();
    assert_eq!(handles.len(), 4);
    assert!(handles.remove(1).cancel().never_ran());
    held.release();
    assert_eq!(handles.into_iter().map(Offload::wait).collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(group.stats().cancelled, 1);
}

/// Seven jobs, and then a panic.
fn broken_off(ran: &Counter, drops: &DropCounter) -> impl Iterator<Item = impl FnOnce() + Send + 'static> {
    (0..10).map(|n| {
        if n == 7 {
            expected_panic("no more jobs");
        }
        let (ran, token) = (ran.clone(), drops.token());
        move || {
            ran.add();
            drop(token);
        }
    })
}

#[test]
fn an_iterator_that_panics() {
    let _watchdog = watchdog();
    hush();
    let group = group(2);
    let (ran, drops) = (Counter::new(), DropCounter::new());
    panic_of(|| group.offload_all(broken_off(&ran, &drops)));
    assert_eq!(drops.count(), 7);
    let stats = group.stats();
    assert_eq!((stats.submitted, stats.queued, stats.cancelled), (0, 0, 0), "nothing was queued");
    assert_eq!(group.offload_all([|| 1]).wait(), [1]);
    assert!(group.drain().wait_deadline(Duration::from_secs(30)), "the group waits for jobs that never were");
    assert_eq!(ran.get(), 0);
}

#[test]
fn an_iterator_that_panics_takes_and_gives_no_room() {
    let _watchdog = watchdog();
    hush();
    let group = Group::builder().max_threads(1).queue_limit(2).build().unwrap();
    let held = hold_thread(&group);
    panic_of(|| group.offload_all(broken_off(&Counter::new(), &DropCounter::new())));
    let queued = [group.try_offload(|| 1).unwrap(), group.try_offload(|| 2).unwrap()];
    assert!(group.try_offload(|| 3).unwrap_err().is_full());
    assert_eq!(group.stats().queued, 2);
    held.release();
    assert_eq!(queued.map(Offload::wait), [1, 2]);
}

#[test]
fn the_iterator_may_use_the_group() {
    let _watchdog = watchdog();
    let group = group(1);
    let batch = group.offload_all((0..10).map(|n| {
        let inner = group.offload(move || n).wait();
        move || inner * 10
    }));
    assert_eq!(batch.wait().len(), 10);
}

#[test]
fn inside_a_job_of_the_same_group() {
    let _watchdog = watchdog();
    let group = group(1);
    let inner = group.clone();
    let sum =
        group.offload(move || inner.offload_all((0..100).map(|n| move || n)).wait().into_iter().sum::<i32>());
    assert_eq!(sum.wait(), 4950);
}

#[test]
fn a_hundred_thousand() {
    let _watchdog = watchdog();
    let group = group(4);
    let outputs = block_on_stream(group.offload_all((0..100_000_usize).map(|n| move || n)));
    for (n, output) in outputs.enumerate() {
        assert_eq!(n, output);
    }
    assert_eq!((group.stats().submitted, group.stats().finished), (100_000, 100_000));
}

#[test]
fn batches_from_many_threads() {
    let _watchdog = watchdog();
    let group = group(3);
    let start = Arc::new(Barrier::new(8));
    let submitting: Vec<_> = (0..8)
        .map(|thread| {
            let (group, start) = (group.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                for size in 0..100 {
                    let outputs = group.offload_all((0..size).map(|n| move || (thread, n))).wait();
                    assert!(outputs.into_iter().eq((0..size).map(|n| (thread, n))));
                }
            })
        })
        .collect();
    submitting.into_iter().for_each(|thread| thread.join().unwrap());
}
