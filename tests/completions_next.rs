//! `Completions` as a future and as a stream: who is woken, and what becomes of wakers that misbehave.

mod util;

use aside::{Completions, Group};
use futures::StreamExt;
use futures::executor::block_on;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use util::probe_waker::ProbeWaker;
use util::{Counter, RunningJob, hush, panic_message_of, single_thread_group, start_job, watchdog};

/// A job that runs, with a callback.
fn running(group: &Group, completions: &Completions) -> util::Gate {
    let RunningJob { offload, gate, .. } = start_job(group, || ());
    offload.on_done_in(completions, |outcome| outcome.unwrap());
    gate
}

fn poll_next(completions: &Completions, waker: &Waker) -> Poll<Option<usize>> {
    Pin::new(&mut &*completions).poll_next_unpin(&mut Context::from_waker(waker))
}

fn finish(group: &Group, gate: util::Gate) {
    gate.open();
    group.drain().wait();
}

#[test]
fn next_gives_the_numbers_until_nothing_is_pending() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let completions = Completions::new().unwrap();
    let jobs = 500;
    for _ in 0..jobs {
        group.offload(|| ()).on_done_in(&completions, |outcome| outcome.unwrap());
    }
    let ran = block_on(async {
        let mut ran = 0;
        while let Some(more) = completions.next().await {
            assert!(more > 0);
            ran += more;
        }
        ran
    });
    assert_eq!((ran, completions.pending()), (jobs, 0));
}

#[test]
fn both_streams() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let mut completions = Completions::new().unwrap();
    for _ in 0..2 {
        let add = |completions: &Completions| {
            for _ in 0..100 {
                group.offload(|| ()).on_done_in(completions, |outcome| outcome.unwrap());
            }
        };
        add(&completions);
        let by_reference = block_on((&completions).fold(0, |sum, ran| std::future::ready(sum + ran)));
        add(&completions);
        let by_itself =
            block_on(StreamExt::fold(&mut completions, 0, |sum, ran| std::future::ready(sum + ran)));
        assert_eq!((by_reference, by_itself), (100, 100));
    }
}

#[test]
fn only_the_first_job_wakes() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let completions = Completions::new().unwrap();
    let gates = [running(&group, &completions), running(&group, &completions)];
    let probe = ProbeWaker::new();
    assert!(poll_next(&completions, probe.waker()).is_pending());
    for gate in gates {
        gate.open();
    }
    group.drain().wait();
    assert_eq!(probe.wakes(), 1);
    assert_eq!(poll_next(&completions, probe.waker()), Poll::Ready(Some(2)));
    assert_eq!(poll_next(&completions, probe.waker()), Poll::Ready(None));
}

#[test]
fn a_waker_is_replaced() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let gate = running(&group, &completions);
    let (first, second) = (ProbeWaker::new(), ProbeWaker::new());
    for probe in [&first, &second, &second] {
        assert!(poll_next(&completions, probe.waker()).is_pending());
    }
    assert_eq!((first.clones(), first.drops(), second.clones()), (1, 1, 1));
    finish(&group, gate);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert_eq!(poll_next(&completions, second.waker()), Poll::Ready(Some(1)));
}

#[test]
fn a_callback_for_a_job_that_is_done_wakes() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let completions = Completions::new().unwrap();
    let gate = running(&group, &completions);
    let probe = ProbeWaker::new();
    assert!(poll_next(&completions, probe.waker()).is_pending());
    let job = group.offload(|| ());
    util::process::eventually("the job is done", || job.is_finished());
    job.on_done_in(&completions, |outcome| outcome.unwrap());
    assert_eq!(probe.wakes(), 1);
    assert_eq!(poll_next(&completions, probe.waker()), Poll::Ready(Some(1)));
    gate.open();
    assert_eq!(block_on(completions.next()), Some(1));
}

#[test]
fn a_waker_whose_clone_panics_does_no_lasting_harm() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let gate = running(&group, &completions);
    let (bad, good) = (ProbeWaker::new(), ProbeWaker::new());
    bad.panic_when_cloned(true);
    assert_eq!(panic_message_of(|| poll_next(&completions, bad.waker())), "[expected] the clone of a waker");
    assert!(poll_next(&completions, good.waker()).is_pending());
    finish(&group, gate);
    assert_eq!(good.wakes(), 1);
    assert_eq!(poll_next(&completions, good.waker()), Poll::Ready(Some(1)));
}

#[test]
fn a_waker_whose_destructor_panics_does_no_lasting_harm() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let gate = running(&group, &completions);
    let (bad, good) = (ProbeWaker::new(), ProbeWaker::new());
    assert!(poll_next(&completions, bad.waker()).is_pending());
    bad.panic_when_dropped(true);
    assert!(poll_next(&completions, good.waker()).is_pending());
    finish(&group, gate);
    assert_eq!((bad.drops(), good.wakes()), (1, 1));
    assert_eq!(poll_next(&completions, good.waker()), Poll::Ready(Some(1)));
}

#[test]
fn a_waker_that_panics_when_woken_does_no_lasting_harm() {
    let _watchdog = watchdog();
    hush();
    let group = Group::builder().max_threads(2).build().unwrap();
    let completions = Completions::new().unwrap();
    let gate = running(&group, &completions);
    let (bad, good) = (ProbeWaker::new(), ProbeWaker::new());
    bad.panic_when_woken(true);
    assert!(poll_next(&completions, bad.waker()).is_pending());
    // By this thread, to whom it is not passed on.
    let job = group.offload(|| ());
    util::process::eventually("the job is done", || job.is_finished());
    job.on_done_in(&completions, |outcome| outcome.unwrap());
    assert_eq!(bad.wakes(), 1);
    assert_eq!(poll_next(&completions, bad.waker()), Poll::Ready(Some(1)));
    // By the offload thread.
    assert!(poll_next(&completions, bad.waker()).is_pending());
    finish(&group, gate);
    assert_eq!(bad.wakes(), 2);
    assert_eq!(poll_next(&completions, good.waker()), Poll::Ready(Some(1)));
    assert_eq!(group.offload(|| 5).wait(), 5);
}

/// As when it is raced against a time-out: the other ways to wait work as if it had never been.
#[test]
fn a_next_that_is_dropped_leaves_the_bell_at_work() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let announced = Counter::new();
    let announce = announced.clone();
    let completions = Completions::with_notifier(move || announce.add()).unwrap();
    let gate = running(&group, &completions);
    {
        let next = pin!(completions.next());
        assert!(next.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    finish(&group, gate);
    assert_eq!(announced.get(), 1);
    assert_eq!(completions.dispatch(), 1);
}

#[test]
fn callbacks_are_added_while_a_task_waits() {
    let _watchdog = watchdog();
    let group = Rc::new(Group::builder().max_threads(2).build().unwrap());
    let completions = Rc::new(Completions::new().unwrap());
    let mut pool = futures::executor::LocalPool::new();
    let spawner = pool.spawner();
    use futures::task::LocalSpawnExt;
    let gate = running(&group, &completions);
    let adds = (group.clone(), completions.clone());
    let waiter = spawner
        .spawn_local_with_handle(async move {
            let mut ran = 0;
            while let Some(more) = completions.next().await {
                ran += more;
            }
            ran
        })
        .unwrap();
    spawner
        .spawn_local(async move {
            for _ in 0..50 {
                adds.0.offload(|| ()).on_done_in(&adds.1, |outcome| outcome.unwrap());
                adds.0.offload(|| ()).await;
            }
            gate.open();
        })
        .unwrap();
    assert_eq!(pool.run_until(waiter), 51);
}

/// Somebody else's dispatch finds nothing: the task is not disturbed, and still woken.
#[test]
fn a_dispatch_elsewhere_forgets_no_waker() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let elsewhere: [fn(&Completions) -> usize; 3] = [
        |completions| (0..10).map(|_| completions.dispatch()).sum(),
        |completions| completions.dispatch_up_to(0, Duration::ZERO),
        |completions| completions.wait(Some(Duration::from_millis(1))),
    ];
    for elsewhere in elsewhere {
        let gate = running(&group, &completions);
        let probe = ProbeWaker::new();
        assert!(poll_next(&completions, probe.waker()).is_pending());
        assert_eq!((elsewhere(&completions), probe.wakes()), (0, 0));
        finish(&group, gate);
        assert_eq!(probe.wakes(), 1);
        assert_eq!(poll_next(&completions, probe.waker()), Poll::Ready(Some(1)));
    }
}

/// What the task waits for is run by somebody else: by a dispatch that it was polled inside of.
#[test]
fn a_dispatch_elsewhere_that_runs_something_wakes() {
    let _watchdog = watchdog();
    hush();
    for panics in [false, true] {
        let group = Group::builder().max_threads(2).build().unwrap();
        let completions = Rc::new(Completions::new().unwrap());
        let (first, second) = (start_job(&group, || ()), running(&group, &completions));
        let probe = ProbeWaker::new();
        probe.panic_when_woken(panics);
        let (polled, waker) = (completions.clone(), probe.waker().clone());
        first.offload.on_done_in(&completions, move |_| assert!(poll_next(&polled, &waker).is_pending()));
        first.gate.open();
        util::process::eventually("the callback runs", || completions.dispatch() == 1);
        assert_eq!((probe.wakes(), completions.pending()), (1, 1));
        probe.panic_when_woken(false);
        assert!(poll_next(&completions, probe.waker()).is_pending());
        finish(&group, second);
        assert_eq!(probe.wakes(), 2);
        assert_eq!(poll_next(&completions, probe.waker()), Poll::Ready(Some(1)));
    }
}
