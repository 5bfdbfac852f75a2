//! A fork inside a job: the child's one thread is a copy of an offload thread, and works for nobody.
#![cfg(unix)]

mod util;

use aside::{Deadline, Group, Offload};
use futures::executor::block_on;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;
use util::fork::{alone, assert_cancelled, assert_works, counting, forked_with, shared_counter};
use util::{full_group, hold_thread, panic_message_of, single_thread_group};

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

/// Forks, and returns in both. The child ends with the only thread it has.
fn fork_and_return() {
    // SAFETY: as in `forked_with`.
    match unsafe { libc::fork() } {
        -1 => panic!("{}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: no preconditions. Kills the child if it hangs.
            unsafe { libc::alarm(30) };
        }
        child => {
            let mut status = 0;
            // SAFETY: the pointer is that of a live integer.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0, "the forked child failed");
        }
    }
}

#[test]
fn a_job_that_returns_in_the_child_too_ends_only_in_the_parent() {
    alone("a_job_that_returns_in_the_child_too_ends_only_in_the_parent", || {
        let group = single_thread_group();
        let (called, ran, woken) = (shared_counter(), shared_counter(), shared_counter());
        let held = hold_thread(&group);
        group.offload(fork_and_return).on_done(move |outcome| {
            outcome.unwrap();
            called.fetch_add(1, Ordering::SeqCst);
        });
        let mut polled = group.offload(fork_and_return);
        let waker = std::task::Waker::from(std::sync::Arc::new(Counting(woken)));
        assert!(Pin::new(&mut polled).poll(&mut Context::from_waker(&waker)).is_pending());
        // Behind them in the queue.
        group.offload(counting(ran)).detach();
        held.release();
        group.drain().wait();
        let seen = [called, woken, ran].map(|counter| counter.load(Ordering::SeqCst));
        assert_eq!(seen, [1, 1, 1], "called, woken, ran");
        polled.wait();
        assert_works(&group);
    });
}

#[test]
fn a_job_that_a_waiting_job_runs_may_return_in_the_child_too() {
    alone("a_job_that_a_waiting_job_runs_may_return_in_the_child_too", || {
        let group = single_thread_group();
        let woken = shared_counter();
        let held = hold_thread(&group);
        let mut drain = group.drain();
        let waker = std::task::Waker::from(std::sync::Arc::new(Counting(woken)));
        assert!(Pin::new(&mut drain).poll(&mut Context::from_waker(&waker)).is_pending());
        let inner = group.clone();
        let outer = group.offload(move || inner.offload(fork_and_return).wait());
        held.release();
        outer.wait();
        assert!(group.shutdown(Deadline::NEVER).is_nothing());
        // Once, as a change is announced once; and by the parent alone.
        assert_eq!(woken.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn what_waits_for_the_parents_group_ends_in_the_child() {
    alone("what_waits_for_the_parents_group_ends_in_the_child", || {
        let (group, held, queued) = full_group(1);
        let mut waiting = group.offload_wait(|| 1);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut waiting).poll(&mut context).is_pending());
        let inherited = (waiting, queued);
        let (waiting, queued) = forked_with(inherited, |(waiting, mut queued)| {
            assert!(waiting.wait().unwrap_err().is_closed());
            assert!(queued.pop().unwrap().cancel().never_ran());
        });
        held.release();
        queued.into_iter().for_each(Offload::wait);
        assert_eq!(block_on(waiting).unwrap().wait(), 1);
    });
}

/// A waker that counts its calls, in parent and child.
struct Counting(&'static AtomicUsize);

impl std::task::Wake for Counting {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
