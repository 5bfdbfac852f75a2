//! A forked child: the global group works afresh, and nothing of the parent's runs, or is waited for, there. For real.
#![cfg(unix)]

mod util;

use aside::{Deadline, Group, Offload};
use futures::executor::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use util::fork::{alone, assert_cancelled, assert_works, counting, forked, forked_with, shared_counter};
use util::{HeldThread, finished_job, hold_thread, panic_message_of, single_thread_group, start_job};

#[test]
fn the_global_group_works_afresh() {
    alone("the_global_group_works_afresh", || {
        assert_works(Group::global());
        forked(|| {
            assert_eq!(Group::global().stats().submitted, 0);
            assert_works(Group::global());
            assert_eq!(aside::offload(|| 1).wait(), 1);
            assert_works(&single_thread_group());
            // And again in a grandchild.
            forked(|| {
                assert_eq!(Group::global().stats().submitted, 0);
                assert_works(Group::global());
            });
            assert_works(Group::global());
        });
        forked(|| assert_works(Group::global()));
        assert_works(Group::global());
    });
}

#[test]
fn a_child_may_build_its_own_global_group() {
    alone("a_child_may_build_its_own_global_group", || {
        Group::builder().name("parent").build_global().unwrap();
        forked(|| {
            let group = Group::builder().name("child").build_global().unwrap();
            assert!(std::ptr::eq(group, Group::global()));
            let name = aside::offload(|| std::thread::current().name().map(str::to_owned)).wait();
            assert_eq!(name.as_deref(), Some("child"));
            assert!(Group::builder().build_global().is_err());
        });
        assert!(Group::builder().build_global().is_err());
        assert_works(Group::global());
    });
}

#[test]
fn the_first_group_is_the_childs() {
    alone("the_first_group_is_the_childs", || {
        forked(|| assert_works(Group::global()));
        assert_works(Group::global());
    });
}

/// What a parent may have when it forks: every stage of a job.
struct Inherited {
    group: Group,
    held: HeldThread,
    queued: Vec<Offload<()>>,
    done: Offload<&'static str>,
    running: util::RunningJob<()>,
}

fn inherited(ran: &'static AtomicUsize) -> Inherited {
    let group = Group::builder().max_threads(2).build().unwrap();
    let done = finished_job(&group, || "done");
    let held = hold_thread(&group);
    let running = start_job(&group, counting(ran));
    let queued = (0..100).map(|_| group.offload(counting(ran))).collect();
    Inherited { group, held, queued, done, running }
}

impl Inherited {
    /// In the parent, after the fork.
    fn goes_on(self, ran: &AtomicUsize) {
        assert_eq!(ran.load(Ordering::SeqCst), 0, "a job of the parent ran in the child");
        self.running.gate.open();
        self.held.release();
        self.queued.into_iter().for_each(Offload::wait);
        self.running.offload.wait();
        assert_eq!((self.done.wait(), ran.load(Ordering::SeqCst)), ("done", 101));
        assert_works(&self.group);
        assert!(self.group.shutdown(Deadline::NEVER).is_nothing());
    }
}

#[test]
fn handles_resolve_and_the_parents_jobs_do_not_run() {
    alone("handles_resolve_and_the_parents_jobs_do_not_run", || {
        let ran = shared_counter();
        let inherited = forked_with(inherited(ran), |mut parents| {
            // Nobody will run them here, so their outcome is known.
            assert!(parents.queued.iter().all(Offload::is_finished));
            assert!(parents.running.offload.is_finished() && parents.done.is_finished());
            parents.running.gate.open();
            let mut queued = || parents.queued.pop().unwrap();
            assert_cancelled(queued().catch().wait());
            assert_cancelled(block_on(queued().catch()));
            assert_eq!(queued().cancel().wait(), None);
            assert_eq!(block_on(queued().cancel()), None);
            let job = queued();
            assert!(panic_message_of(|| job.wait()).contains("cancelled"));
            let job = queued();
            assert!(panic_message_of(|| job.wait_deadline(Deadline::NEVER).is_ok()).contains("cancelled"));
            let (tell, hear) = std::sync::mpsc::channel();
            queued().on_done(move |outcome| tell.send(outcome.is_err()).unwrap());
            assert_eq!(hear.recv(), Ok(true));
            drop(queued());
            queued().detach();
            assert_cancelled(parents.running.offload.catch().wait());
            assert_eq!(parents.done.wait(), "done");
            assert_works(Group::global());
            drop(parents.queued);
        });
        assert!(!inherited.queued.iter().any(Offload::is_finished));
        assert!(!inherited.running.offload.is_finished());
        inherited.goes_on(ran);
    });
}

#[test]
fn what_the_parents_jobs_hold_is_not_dropped() {
    struct Held(&'static AtomicUsize);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    alone("what_the_parents_jobs_hold_is_not_dropped", || {
        let dropped = shared_counter();
        let group = single_thread_group();
        let thread = hold_thread(&group);
        let job = || {
            let held = Held(dropped);
            move || drop(held)
        };
        let jobs: Vec<_> = (0..3).map(|_| group.offload(job())).collect();
        let batch = group.offload_all((0..200).map(|_| job()));
        let (jobs, batch) = forked_with((jobs, batch), |(mut jobs, batch)| {
            drop(jobs.pop());
            assert_eq!(jobs.pop().unwrap().cancel().wait(), None);
            assert_cancelled(jobs.pop().unwrap().catch().wait());
            drop(batch);
        });
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
        thread.release();
        jobs.into_iter().for_each(Offload::wait);
        batch.wait();
        assert_eq!(dropped.load(Ordering::SeqCst), 203);
    });
}

#[test]
fn an_inherited_group_is_closed() {
    alone("an_inherited_group_is_closed", || {
        let ran = shared_counter();
        let bounded = Group::builder().max_threads(1).queue_limit(1).build().unwrap();
        let held = hold_thread(&bounded);
        let waiting = bounded.try_offload(|| 1).unwrap();
        let inherited = forked_with((inherited(ran), bounded, waiting, held), |(parents, bounded, ..)| {
            for group in [&parents.group, &bounded] {
                assert!(group.is_closed());
                let precious = String::from("precious");
                let rejected = group.try_offload(move || precious).unwrap_err();
                assert!(rejected.is_closed());
                assert_eq!(rejected.into_job()(), "precious");
                assert!(block_on(group.offload_wait(|| ())).unwrap_err().is_closed());
                assert_cancelled(group.offload(|| ()).catch().wait());
                assert_cancelled(block_on(group.offload(|| ()).catch()));
                for job in group.offload_all([|| (), || ()]) {
                    assert_cancelled(job.catch().wait());
                }
                group.drain().wait();
                block_on(group.drain());
                assert!(group.drain().wait_deadline(Duration::ZERO));
                assert!(group.shutdown(Deadline::NEVER).is_nothing());
                group.close();
                let _ = format!("{group:?} {:?}", group.stats());
                drop(group.clone());
            }
            drop(bounded);
            drop(parents);
        });
        let (parents, bounded, waiting, held) = inherited;
        parents.goes_on(ran);
        held.release();
        assert_eq!(waiting.wait(), 1);
        assert_works(&bounded);
    });
}

#[test]
fn the_parents_global_jobs_do_not_run_either() {
    alone("the_parents_global_jobs_do_not_run_either", || {
        Group::builder().max_threads(1).build_global().unwrap();
        let ran = shared_counter();
        let held = hold_thread(Group::global());
        let jobs: Vec<_> = (0..100).map(|_| aside::offload(counting(ran))).collect();
        let jobs = forked_with(jobs, |mut jobs| {
            assert_works(Group::global());
            assert_cancelled(jobs.pop().unwrap().catch().wait());
            drop(jobs);
            assert_works(Group::global());
        });
        assert_eq!(ran.load(Ordering::SeqCst), 0);
        held.release();
        jobs.into_iter().for_each(Offload::wait);
        assert_eq!(ran.load(Ordering::SeqCst), 100);
    });
}

/// The locks of a group may be held, by threads that are not there in the child.
#[test]
fn in_the_middle_of_everything() {
    alone("in_the_middle_of_everything", || {
        let group = Group::builder().max_threads(2).queue_limit(4).build().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..2)
            .map(|_| {
                let (group, stop) = (group.clone(), stop.clone());
                std::thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        drop(group.offload(|| ()));
                        drop(group.offload_wait(|| ()).wait().unwrap());
                        let _ = group.drain().wait_deadline(Duration::ZERO);
                    }
                })
            })
            .collect();
        for _ in 0..100 {
            let job = group.offload(|| 1);
            let job = forked_with(job, |job| {
                drop(group.offload(|| ()));
                assert!(group.try_offload(|| ()).is_err());
                group.drain().wait();
                assert!(group.shutdown(Deadline::NEVER).is_nothing());
                // Done in the parent, or never here.
                let _ = job.catch().wait();
                assert_eq!(aside::offload(|| 1).wait(), 1);
            });
            assert_eq!(job.wait(), 1);
        }
        stop.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
