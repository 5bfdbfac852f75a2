//! A forked child's copy of `Completions` does nothing, and nothing to its parent's. For real.
#![cfg(unix)]

mod util;

use aside::{Completions, Group};
use futures::executor::block_on;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cell::Cell;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use util::fork::{alone, counting, forked, shared_counter};
use util::{finished_job, hold_thread, single_thread_group, start_job};

fn is_readable(completions: &Completions) -> bool {
    let mut fds = [PollFd::new(completions, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
}

/// Counts, in memory that both processes have.
fn add_done(group: &Group, completions: &Completions, ran: &'static AtomicUsize) {
    let count = counting(ran);
    finished_job(group, || ()).on_done_in(completions, move |_| count());
}

/// Everything that a child may do with it.
fn assert_does_nothing(completions: &Completions) {
    assert_eq!(completions.dispatch(), 0);
    assert_eq!(completions.dispatch_up_to(5, Duration::MAX), 0);
    assert_eq!(completions.wait(None), 0);
    assert_eq!(completions.wait(Some(Duration::MAX)), 0);
    assert_eq!(block_on(completions.next()), None);
    // So that a loop which waits for all of them ends.
    assert_eq!(completions.pending(), 0);
    let _ = completions.as_fd();
    let _ = format!("{completions:?}");
}

/// Counts its drops, in memory that both processes have.
struct Shared(&'static AtomicUsize);

impl Drop for Shared {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_childs_copy_does_nothing() {
    alone("the_childs_copy_does_nothing", || {
        let (ran, dropped) = (shared_counter(), shared_counter());
        let group = Group::builder().max_threads(2).build().unwrap();
        let mut completions = Some(Completions::new().unwrap());
        let parents = || completions.as_ref().unwrap();
        let _ = parents().as_fd();
        assert_eq!(parents().dispatch(), 0);
        let held = hold_thread(&group);
        let running = start_job(&group, || ());
        for offload in [running.offload, group.offload(|| ())] {
            let (count, token) = (counting(ran), Shared(dropped));
            offload.on_done_in(parents(), move |_| {
                drop(token);
                count();
            });
        }
        forked(|| {
            assert_does_nothing(completions.as_ref().unwrap());
            drop(completions.take());
            // A new one works.
            let completions = Completions::new().unwrap();
            aside::offload(|| ()).on_done_in(&completions, |outcome| outcome.unwrap());
            assert_eq!(completions.wait(None), 1);
        });
        let completions = completions.unwrap();
        assert_eq!((ran.load(Ordering::SeqCst), dropped.load(Ordering::SeqCst)), (0, 0));
        assert!(!is_readable(&completions));
        running.gate.open();
        held.release();
        while completions.pending() > 0 {
            completions.wait(None);
        }
        assert_eq!((ran.load(Ordering::SeqCst), dropped.load(Ordering::SeqCst)), (2, 2));
    });
}

#[test]
fn a_child_does_not_touch_the_parents_descriptor() {
    alone("a_child_does_not_touch_the_parents_descriptor", || {
        let ran = shared_counter();
        let group = single_thread_group();
        // Readable in the parent, and stays so.
        let completions = Completions::new().unwrap();
        let _ = completions.as_fd();
        add_done(&group, &completions, ran);
        forked(|| assert_does_nothing(&completions));
        assert!(is_readable(&completions));
        assert_eq!((completions.dispatch(), is_readable(&completions)), (1, false));
        // And not made readable by a child that asks for it first.
        let completions = Completions::new().unwrap();
        forked(|| assert_does_nothing(&completions));
        let _ = completions.as_fd();
        assert_eq!((completions.dispatch(), is_readable(&completions)), (0, false));
    });
}

/// The dispatch goes on in the parent alone.
#[test]
fn a_fork_inside_a_callback() {
    alone("a_fork_inside_a_callback", || {
        let (ran, after) = (shared_counter(), shared_counter());
        let group = single_thread_group();
        let completions = Completions::new().unwrap();
        let _ = completions.as_fd();
        assert_eq!(completions.dispatch(), 0);
        let child = Rc::new(Cell::new(-1));
        let (pid, first) = (child.clone(), counting(ran));
        finished_job(&group, || ()).on_done_in(&completions, move |_| {
            first();
            // SAFETY: as in `util::fork`.
            pid.set(unsafe { libc::fork() });
        });
        for _ in 0..5 {
            add_done(&group, &completions, ran);
        }
        let ran_here = completions.dispatch_up_to(3, Duration::MAX);
        match child.get() {
            -1 => panic!("{}", std::io::Error::last_os_error()),
            0 => {
                after.store(ran_here, Ordering::SeqCst);
                // SAFETY: no preconditions.
                unsafe { libc::_exit(0) }
            }
            child => {
                let mut status = 0;
                // SAFETY: the pointer is that of a live integer.
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                assert_eq!((status, after.load(Ordering::SeqCst)), (0, 1));
            }
        }
        assert_eq!((ran_here, ran.load(Ordering::SeqCst)), (3, 3));
        assert!(is_readable(&completions));
        assert_eq!((completions.dispatch(), is_readable(&completions)), (3, false));
        assert_eq!(ran.load(Ordering::SeqCst), 6);
    });
}

#[test]
fn a_childs_job_with_a_parents_completions() {
    alone("a_childs_job_with_a_parents_completions", || {
        let (ran, dropped, called) = (shared_counter(), shared_counter(), shared_counter());
        let completions = Completions::new().unwrap();
        forked(|| {
            let group = single_thread_group();
            let (token, call) = (Shared(dropped), counting(called));
            group.offload(counting(ran)).on_done_in(&completions, move |_| {
                call();
                drop(token);
            });
            group.drain().wait();
            assert_does_nothing(&completions);
        });
        assert_eq!([ran, dropped, called].map(|counter| counter.load(Ordering::SeqCst)), [1, 1, 0]);
    });
}
