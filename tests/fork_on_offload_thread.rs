//! A fork inside a job: the child's one thread is a copy of an offload thread, and works for nobody.
#![cfg(unix)]

mod util;

use aside::{Deadline, Group, Offload};
use futures::executor::block_on;
use std::sync::atomic::Ordering;
use util::fork::{alone, assert_cancelled, assert_works, counting, forked_with, shared_counter};
use util::{panic_message_of, single_thread_group};

/// Forks inside a job of `group`, so that the child's one thread thinks it is one of the group's.
fn fork_in_a_job(group: &Group) {
    let ran = shared_counter();
    let inner = group.clone();
    let (give, take) = std::sync::mpsc::channel::<Vec<Offload<()>>>();
    let forking = group.offload(move || {
        let (_, queued) = forked_with((inner, take.recv().unwrap()), |(group, mut queued)| {
            let mut queued = || queued.pop().unwrap();
            assert!(group.is_closed());
            assert_cancelled(queued().catch().wait());
            assert_eq!(queued().cancel().wait(), None);
            let job = queued();
            assert!(panic_message_of(|| job.wait()).contains("cancelled"));
            assert_cancelled(block_on(queued().catch()));
            assert_cancelled(group.offload(|| ()).catch().wait());
            assert!(group.try_offload(|| ()).unwrap_err().is_closed());
            assert!(group.shutdown(Deadline::NEVER).is_nothing());
            group.drain().wait();
            assert_works(Group::global());
            drop(queued());
        });
        // The parent's one thread is still here.
        assert_eq!(ran.load(Ordering::SeqCst), 0, "a job of the parent ran in the child");
        queued
    });
    let queued = (0..10).map(|_| group.offload(counting(ran))).collect();
    give.send(queued).unwrap();
    let queued = forking.wait();
    queued.into_iter().for_each(Offload::wait);
    assert_eq!(ran.load(Ordering::SeqCst), 10);
    assert_works(group);
}

#[test]
fn inside_a_job() {
    alone("inside_a_job", || fork_in_a_job(&single_thread_group()));
}

#[test]
fn inside_a_job_of_the_global_group() {
    alone("inside_a_job_of_the_global_group", || {
        fork_in_a_job(Group::builder().max_threads(1).build_global().unwrap());
    });
}
