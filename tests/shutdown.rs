//! The end of a group: what is queued still runs until the deadline; then it is cancelled, counted, and every handle
//! resolves.
#![cfg(unix)]

mod util;

use aside::{Deadline, Failure, Group, JobError, Left, Offload, RejectReason};
use futures::executor::block_on;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use util::{
    Counter, DropCounter, Gate, hold_thread, panic_message_of, single_thread_group, start_job, watchdog,
};

const SOON: Duration = Duration::from_millis(20);

fn assert_nothing(left: Left) {
    assert!(left.is_nothing(), "{left}");
    assert_eq!((left.cancelled, left.running), (0, 0));
}

#[cfg(target_os = "linux")]
#[test]
fn everything_done_and_the_threads_gone() {
    let _watchdog = watchdog();
    let group = Group::builder().name("s-done").min_threads(3).max_threads(4).build().unwrap();
    let ran = Counter::new();
    for _ in 0..1_000 {
        let ran = ran.clone();
        group.offload(move || ran.add()).detach();
    }
    assert_nothing(group.shutdown(Deadline::NEVER));
    assert_eq!(ran.get(), 1_000);
    assert_eq!((group.stats().threads, group.stats().finished, group.stats().queued), (0, 1_000, 0));
    // The books say so before the system does.
    util::process::eventually("the threads leave", || util::process::threads_named("s-done").is_empty());
}

#[test]
fn a_group_that_never_did_anything() {
    let _watchdog = watchdog();
    for min in [0, 1, 8] {
        let group = Group::builder().min_threads(min).max_threads(8).build().unwrap();
        assert!(!group.is_closed());
        assert_nothing(group.shutdown(Deadline::NEVER));
        assert!(group.is_closed());
    }
}

#[test]
fn every_kind_of_deadline() {
    let _watchdog = watchdog();
    let far = Instant::now() + Duration::from_secs(3600);
    for deadline in [Deadline::NEVER, Duration::MAX.into(), Duration::from_secs(3600).into(), far.into()] {
        let group = single_thread_group();
        let job = group.offload(|| 7);
        assert_nothing(group.shutdown(deadline));
        assert_eq!(job.wait(), 7);
    }
    let past = Instant::now();
    for deadline in [Duration::ZERO.into(), Deadline::from(past)] {
        let group = single_thread_group();
        let held = hold_thread(&group);
        let queued = group.offload(|| ());
        let left = group.shutdown(deadline);
        assert_eq!((left.cancelled, left.running), (1, 1));
        assert!(matches!(queued.catch().wait(), Err(JobError::Cancelled)));
        held.release();
    }
}

#[test]
fn past_the_deadline_handles_resolve_and_the_running_job_goes_on() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let running = start_job(&group, || "late");
    let drops = DropCounter::new();
    let mut queued: Vec<Offload<()>> = (0..6)
        .map(|_| {
            let token = drops.token();
            group.offload(move || drop(token))
        })
        .collect();
    // One that is polled already, with a waker that must be called.
    let mut polled = queued.pop().unwrap().catch();
    let woken = std::sync::Arc::new(futures::task::noop_waker());
    assert!(std::pin::pin!(&mut polled).as_mut().poll(&mut Context::from_waker(&woken)).is_pending());
    let (tell, hear) = mpsc::channel();
    let tell_error = tell.clone();
    group.offload(|| Ok::<(), ()>(())).on_complete(
        move |()| tell.send("ok").unwrap(),
        move |failure| {
            assert!(matches!(failure, Failure::Cancelled));
            tell_error.send("cancelled").unwrap();
        },
    );
    let waiting = {
        let job = queued.pop().unwrap();
        std::thread::spawn(move || job.catch().wait())
    };
    group.offload(|| unreachable!("cancelled")).detach();

    let left = group.shutdown(SOON);
    // Six, the one with a callback, and the detached one.
    assert_eq!((left.cancelled, left.running), (8, 1));
    assert_eq!(left.to_string(), "8 jobs cancelled, 1 still running");
    assert!(!left.is_nothing());
    // By now: every closure dropped, every callback called.
    assert_eq!(drops.count(), 6);
    assert_eq!(hear.try_recv(), Ok("cancelled"));
    assert!(queued.iter().all(Offload::is_finished));
    assert!(matches!(waiting.join().unwrap(), Err(JobError::Cancelled)));
    assert!(matches!(block_on(polled), Err(JobError::Cancelled)));
    assert!(matches!(block_on(queued.pop().unwrap().catch()), Err(JobError::Cancelled)));
    assert!(matches!(queued.pop().unwrap().catch().wait(), Err(JobError::Cancelled)));
    let cancel = queued.pop().unwrap().cancel();
    assert_eq!(cancel.wait(), None);
    let job = queued.pop().unwrap();
    assert!(panic_message_of(|| block_on(job)).contains("cancelled"));
    let stats = group.stats();
    assert_eq!((stats.queued, stats.cancelled, stats.running, stats.finished), (0, 8, 1, 0));

    running.gate.open();
    assert_eq!(running.offload.wait(), "late");
    assert_nothing(group.shutdown(Deadline::NEVER));
    assert_eq!(group.stats().threads, 0);
    assert_eq!(hear.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

#[test]
fn a_waker_is_called() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let (tell, hear) = mpsc::channel();
    let job = group.offload(|| ());
    let awaiting = std::thread::spawn(move || {
        let mut job = job.catch();
        // Pending with a waker in place before the shutdown begins.
        block_on(futures::future::poll_fn(|cx| {
            let poll = std::pin::Pin::new(&mut job).poll(cx);
            if poll.is_pending() {
                tell.send(()).unwrap();
            }
            poll
        }))
    });
    hear.recv().unwrap();
    assert_eq!(group.shutdown(Duration::ZERO).cancelled, 1);
    assert!(matches!(awaiting.join().unwrap(), Err(JobError::Cancelled)));
    held.release();
}

#[test]
fn from_inside_a_job_of_the_group() {
    let _watchdog = watchdog();
    for max in [1, 4] {
        let group = Group::builder().max_threads(max).build().unwrap();
        let gate = Gate::new();
        let job = group.offload({
            let (group, gate) = (group.clone(), gate.clone());
            move || {
                gate.pass();
                group.shutdown(if max == 1 { SOON.into() } else { Deadline::NEVER })
            }
        });
        let other = group.offload(|| 5);
        gate.open();
        // With one thread, nobody can run the other job before the deadline; with more, somebody does.
        let left = job.wait();
        assert_eq!((left.cancelled, left.running), (usize::from(max == 1), 1));
        assert_eq!(other.catch().wait().is_ok(), max == 4);
        assert_nothing(group.shutdown(Deadline::NEVER));
    }
}

#[test]
fn from_inside_a_job_that_runs_inside_a_job() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let outer = group.offload({
        let group = group.clone();
        move || {
            let inner = group.clone();
            group.offload(move || inner.shutdown(Deadline::NEVER)).wait()
        }
    });
    let left = outer.wait();
    assert_eq!((left.cancelled, left.running), (0, 2));
    assert_nothing(group.shutdown(Deadline::NEVER));
}

#[test]
fn twice_and_by_many_at_a_time() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let running = start_job(&group, || ());
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let group = group.clone();
            std::thread::spawn(move || group.shutdown(Deadline::NEVER))
        })
        .collect();
    assert_eq!(group.shutdown(SOON).running, 1);
    assert_eq!(group.shutdown(Duration::ZERO).running, 1);
    running.gate.open();
    waiting.into_iter().for_each(|thread| assert_nothing(thread.join().unwrap()));
    assert_nothing(group.shutdown(Deadline::NEVER));
    running.offload.wait();
}

#[test]
fn jobs_that_come_too_late() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(1).queue_limit(2).build().unwrap();
    assert_nothing(group.shutdown(Deadline::NEVER));
    let drops = DropCounter::new();

    let token = drops.token();
    let offload = group.offload(move || drop(token));
    assert!(offload.is_finished());
    assert_eq!(drops.count(), 1, "a closure that will never be called is dropped at once");
    assert!(matches!(offload.catch().wait(), Err(JobError::Cancelled)));
    assert!(matches!(block_on(group.offload(|| ()).catch()), Err(JobError::Cancelled)));
    assert_eq!(group.offload(|| ()).cancel().wait(), None);

    let precious = String::from("precious");
    let rejected = group.try_offload(move || precious).unwrap_err();
    assert!(rejected.is_closed() && matches!(rejected.reason(), RejectReason::Closed));
    assert_eq!(rejected.into_job()(), "precious");

    let rejected = block_on(group.offload_wait(|| 3)).unwrap_err();
    assert!(rejected.is_closed());
    assert_eq!(rejected.into_job()(), 3);
    assert!(group.offload_wait(|| 3).wait().unwrap_err().is_closed());

    let batch = group.offload_all((0..5).map(|_| {
        let token = drops.token();
        move || drop(token)
    }));
    assert_eq!((batch.len(), drops.count()), (5, 6));
    for offload in batch {
        assert!(matches!(offload.catch().wait(), Err(JobError::Cancelled)));
    }
    let (tell, hear) = mpsc::channel();
    group.offload(|| ()).on_done(move |outcome| tell.send(outcome.is_err()).unwrap());
    assert_eq!(hear.recv(), Ok(true));
    assert_eq!((group.stats().submitted, group.stats().queued), (0, 0));
}

#[test]
fn those_who_wait_for_room_get_their_closures_back() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(1).queue_limit(1).build().unwrap();
    let held = hold_thread(&group);
    let last = group.try_offload(|| "accepted").unwrap();
    let mut polled = group.offload_wait(|| "polled");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(std::pin::Pin::new(&mut polled).poll(&mut cx), Poll::Pending));
    let (tell, hear) = mpsc::channel();
    let waiting: Vec<_> = (0..4)
        .map(|n| {
            let (group, tell) = (group.clone(), tell.clone());
            std::thread::spawn(move || {
                let mut wait = group.offload_wait(move || n);
                block_on(futures::future::poll_fn(|cx| {
                    let poll = std::pin::Pin::new(&mut wait).poll(cx);
                    tell.send(()).unwrap();
                    poll
                }))
                .map(|_| ())
                .map_err(|rejected| (rejected.is_closed(), rejected.into_job()()))
            })
        })
        .collect();
    (0..4).for_each(|_| hear.recv().unwrap());

    group.close();
    for (n, thread) in waiting.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), Err((true, n)));
    }
    let rejected = block_on(polled).unwrap_err();
    assert!(rejected.is_closed());
    assert_eq!(rejected.into_job()(), "polled");
    held.release();
    assert_eq!(last.wait(), "accepted");
}
