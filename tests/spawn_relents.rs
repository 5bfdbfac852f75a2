//! The system refuses a thread and then relents: who waits at that time, or comes later, gets things going again.
#![cfg(target_os = "linux")]

mod util;

use aside::{Group, Offload};
use std::sync::mpsc;
use std::time::Duration;
use util::Counter;
use util::process::{as_nobody, eventually, no_threads};

/// The only thread is inside a job that waits for the next one, for which there was no thread.
#[test]
fn while_the_only_thread_is_busy() {
    as_nobody("while_the_only_thread_is_busy", || {
        let waits: [fn(Group, Offload<()>); 4] = [
            |_, offload| offload.wait(),
            |_, offload| assert!(offload.wait_deadline(Duration::from_secs(3600)).is_ok()),
            |group, _offload| group.drain().wait(),
            |group, _offload| assert!(group.drain().wait_deadline(Duration::from_secs(3600))),
        ];
        for wait in waits {
            let group = Group::builder().max_threads(2).build().unwrap();
            let (tell, hear) = mpsc::channel::<()>();
            let (tell_start, started) = mpsc::channel();
            let busy = group.offload(move || {
                tell_start.send(()).unwrap();
                hear.recv().unwrap();
            });
            started.recv().unwrap();
            let limit = no_threads();
            let next = group.offload(move || tell.send(()).unwrap());
            assert!(group.stats().spawn_failures > 0);
            drop(limit);
            // From here on nothing is submitted: only the wait can bring the thread.
            wait(group.clone(), next);
            busy.wait();
            assert_eq!(group.stats().threads, 2);
        }
    });
}

/// The limit goes while somebody waits already.
#[test]
fn while_somebody_waits() {
    as_nobody("while_somebody_waits", || {
        let group = Group::builder().max_threads(2).build().unwrap();
        let (tell, hear) = mpsc::channel::<()>();
        let (tell_start, started) = mpsc::channel();
        let busy = group.offload(move || {
            tell_start.send(()).unwrap();
            hear.recv().unwrap();
        });
        started.recv().unwrap();
        let (give, take) = mpsc::channel::<Offload<()>>();
        let waiting = std::thread::spawn(move || take.recv().unwrap().wait());
        let limit = no_threads();
        give.send(group.offload(move || tell.send(()).unwrap())).unwrap();
        let failures = group.stats().spawn_failures;
        eventually("it tries again and again", || group.stats().spawn_failures > failures + 3);
        drop(limit);
        waiting.join().unwrap();
        busy.wait();
    });
}

#[test]
fn the_first_job_of_the_global_group() {
    as_nobody("the_first_job_of_the_global_group", || {
        let ran = Counter::new();
        let count = ran.clone();
        let limit = no_threads();
        aside::offload(move || count.add()).detach();
        assert_eq!(Group::global().stats().threads, 0);
        drop(limit);
        Group::global().drain().wait();
        assert_eq!(ran.get(), 1);
    });
}

/// A callback is a use of the group: like any other it tries again, though not right after a refusal.
#[test]
fn while_callbacks_are_given() {
    as_nobody("while_callbacks_are_given", || {
        let group = Group::builder().min_threads(0).build().unwrap();
        let limit = no_threads();
        let mut jobs: Vec<_> = (0..1_000).map(|_| group.offload(|| 5)).collect();
        assert_eq!(group.stats().threads, 0);
        drop(limit);
        let (tell, hear) = mpsc::channel();
        eventually("a callback brings a thread", || {
            let tell = tell.clone();
            jobs.pop().unwrap().on_done(move |outcome| tell.send(outcome.unwrap()).unwrap());
            hear.try_recv() == Ok(5)
        });
    });
}
