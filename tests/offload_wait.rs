//! Waiting for room in a bounded queue: on any executor or none, in turn, and without losing anybody.

mod util;

use aside::{Group, Offload, OffloadWait};
use futures::executor::block_on;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use util::probe_waker::ProbeWaker;
use util::{DropCounter, HeldThread, bounded_group, full_group, hold_thread, watchdog};

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn offload_wait_does_nothing_before_the_first_poll() {
    let _watchdog = watchdog();
    let group = bounded_group(1);
    let drops = DropCounter::new();
    let token = drops.token();
    let wait = group.offload_wait(move || drop(token));
    assert_eq!(group.stats().submitted, 0);
    drop(wait);
    assert_eq!((group.stats().submitted, drops.count()), (0, 1));
}

#[test]
fn offload_wait_without_a_limit_never_waits() {
    let _watchdog = watchdog();
    let group = util::single_thread_group();
    let held = hold_thread(&group);
    let jobs: Vec<_> = (0..100).map(|n| block_on(group.offload_wait(move || n)).unwrap()).collect();
    held.release();
    assert_eq!(jobs.into_iter().map(Offload::wait).sum::<i32>(), 4950);
}

/// Waits for room a hundred times, with the thread held at the start, so that it really waits.
async fn go_through(let_go: impl FnOnce() + Send + 'static) -> i32 {
    let (group, held, queued) = full_group(1);
    let mut first = group.offload_wait(|| 1);
    assert!(poll_once(&mut first).is_pending());
    let_go_later(held, let_go);
    let mut sum = first.await.unwrap().await;
    for n in 0..100 {
        sum += group.offload_wait(move || n).await.unwrap().await;
        // Without taking the output first, so that the queue fills up again and again.
        group.offload_wait(|| ()).await.unwrap().detach();
    }
    group.drain().await;
    assert_eq!(group.stats().finished, 1 + 1 + 1 + 200);
    drop(queued);
    sum
}

fn let_go_later(held: HeldThread, then: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        held.release();
        then();
    });
}

#[test]
fn offload_wait_on_every_executor() {
    let _watchdog = watchdog();
    assert_eq!(block_on(go_through(|| ())), 4951);
    assert_eq!(smol::block_on(smol::spawn(go_through(|| ()))), 4951);
    let current = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(current.block_on(go_through(|| ())), 4951);
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    assert_eq!(multi.block_on(async { tokio::spawn(go_through(|| ())).await.unwrap() }), 4951);
}

#[test]
fn offload_wait_on_a_plain_thread() {
    let _watchdog = watchdog();
    let (group, held, queued) = full_group(1);
    let waiting: Vec<_> = (0..4)
        .map(|n| {
            let group = group.clone();
            std::thread::spawn(move || {
                (0..100).map(|_| group.offload_wait(move || n).wait().unwrap().wait()).sum::<i32>()
            })
        })
        .collect();
    held.release();
    queued.into_iter().for_each(Offload::wait);
    let sum: i32 = waiting.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(sum, 600);
}

type Waiting = OffloadWait<Box<dyn FnOnce() + Send>, ()>;

/// `n` futures that wait for room, in this order; each job writes its number down.
fn waiters(group: &Group, n: usize) -> (Vec<Waiting>, Arc<Mutex<Vec<usize>>>) {
    let order = Arc::new(Mutex::new(Vec::new()));
    let waiters = (0..n)
        .map(|n| {
            let order = order.clone();
            let job: Box<dyn FnOnce() + Send> = Box::new(move || order.lock().unwrap().push(n));
            let mut waiting = group.offload_wait(job);
            assert!(poll_once(&mut waiting).is_pending());
            waiting
        })
        .collect();
    (waiters, order)
}

#[test]
fn whoever_waits_is_woken_in_turn() {
    let _watchdog = watchdog();
    let (group, held, queued) = full_group(1);
    let (waiting, order) = waiters(&group, 100);
    held.release();
    let jobs = block_on(async move {
        let tasks: futures::stream::FuturesOrdered<_> = waiting.into_iter().collect();
        futures::StreamExt::collect::<Vec<_>>(tasks).await
    });
    jobs.into_iter().for_each(|job| job.unwrap().wait());
    queued.into_iter().for_each(Offload::wait);
    assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

#[test]
fn each_place_wakes_one_more() {
    let _watchdog = watchdog();
    let (group, held, queued) = full_group(3);
    let mut waiting: Vec<_> = (0..3).map(|n| (group.offload_wait(move || n), ProbeWaker::new())).collect();
    let poll = |(wait, probe): &mut (OffloadWait<_, _>, ProbeWaker)| {
        Pin::new(wait).poll(&mut Context::from_waker(probe.waker()))
    };
    assert!(waiting.iter_mut().all(|waiting| poll(waiting).is_pending()));
    // None of those who were woken has come round when the next place gets free.
    for (n, job) in queued.into_iter().enumerate() {
        drop(job);
        assert_eq!(waiting.iter().filter(|(_, probe)| probe.wakes() == 1).count(), n + 1);
    }
    for waiting in &mut waiting {
        assert!(matches!(poll(waiting), Poll::Ready(Ok(_))));
    }
    held.release();
}

#[test]
fn a_thousand_waiters_get_through_a_queue_of_one() {
    let _watchdog = watchdog();
    let (group, held, queued) = full_group(1);
    let (waiting, order) = waiters(&group, 1_000);
    let tasks: Vec<_> =
        waiting.into_iter().map(|waiting| smol::spawn(async { waiting.await.unwrap().await })).collect();
    held.release();
    smol::block_on(futures::future::join_all(tasks));
    queued.into_iter().for_each(Offload::wait);
    let mut seen = std::mem::take(&mut *order.lock().unwrap());
    seen.sort_unstable();
    assert_eq!(seen, (0..1_000).collect::<Vec<_>>());
}

#[test]
fn a_waiter_that_is_dropped_passes_its_turn_on() {
    let _watchdog = watchdog();
    for dropped_after_the_wake_up in [false, true] {
        let (group, held, mut queued) = full_group(1);
        let (mut waiting, order) = waiters(&group, 3);
        if dropped_after_the_wake_up {
            // Frees the room, and so wakes the first waiter, who never comes.
            drop(queued.pop());
            drop(waiting.remove(0));
        } else {
            drop(waiting.remove(0));
            drop(queued.pop());
        }
        // A real executor: were the second not told, this would wait for ever.
        let last = waiting.pop().unwrap();
        let second = block_on(waiting.pop().unwrap()).unwrap();
        let last = std::thread::spawn(move || block_on(last).unwrap());
        held.release();
        second.wait();
        last.join().unwrap().wait();
        assert_eq!(*order.lock().unwrap(), [1, 2]);
    }
}

#[test]
fn a_turn_is_passed_on_to_a_task_that_sleeps() {
    let _watchdog = watchdog();
    for _ in 0..100 {
        let (group, held, mut queued) = full_group(1);
        let (mut waiting, order) = waiters(&group, 2);
        let (tell, hear) = std::sync::mpsc::channel();
        let mut second = waiting.pop().unwrap();
        let sleeping = std::thread::spawn(move || {
            block_on(futures::future::poll_fn(|cx| {
                let poll = Pin::new(&mut second).poll(cx);
                let _ = tell.send(());
                poll
            }))
        });
        hear.recv().unwrap();
        drop(queued.pop());
        drop(waiting);
        let second = sleeping.join().unwrap().unwrap();
        held.release();
        second.wait();
        assert_eq!(*order.lock().unwrap(), [1]);
    }
}
