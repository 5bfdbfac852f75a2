//! The processors that threads may run on: those of the builder, for threads made later too, and back to them after
//! lingering has sent a thread elsewhere for a moment.
#![cfg(target_os = "linux")]

mod util;

use aside::{BuildError, Group};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::sync::{Arc, Barrier};
use util::watchdog;

fn cpus() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap();
    (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
}

#[test]
fn every_thread_keeps_to_the_list() {
    let _watchdog = watchdog();
    for cpu in cpus() {
        let group = Group::builder().cpus([cpu]).min_threads(0).max_threads(3).build().unwrap();
        let together = Arc::new(Barrier::new(3));
        let jobs = (0..3).map(|_| {
            let together = together.clone();
            move || {
                together.wait();
                cpus()
            }
        });
        assert_eq!(group.offload_all(jobs).wait(), vec![vec![cpu]; 3]);
    }
}

#[test]
fn the_start_hook_sees_them_and_may_change_them() {
    let _watchdog = watchdog();
    let all = cpus();
    let (first, last) = (all[0], all[all.len() - 1]);
    let group = Group::builder()
        .cpus([first])
        .on_thread_start(move || {
            assert_eq!(cpus(), [first]);
            let mut set = CpuSet::new();
            set.set(last);
            sched_setaffinity(None, &set).unwrap();
        })
        .build()
        .unwrap();
    assert_eq!(group.offload(cpus).wait(), [last]);
}

#[test]
fn cpus_that_are_not_there_are_passed_over_unless_none_is_left() {
    let mine = cpus();
    let group = Group::builder().cpus([mine[0], 1023]).build().unwrap();
    assert_eq!(group.offload(cpus).wait(), [mine[0]]);

    let absent = (0..CpuSet::MAX_CPU).rev().find(|cpu| !mine.contains(cpu)).unwrap();
    for (list, expected) in [
        (vec![], BuildError::NoCpus),
        (vec![0, 1024], BuildError::CpuOutOfRange { cpu: 1024, limit: 1024 }),
        (vec![usize::MAX], BuildError::CpuOutOfRange { cpu: usize::MAX, limit: 1024 }),
        (vec![absent], BuildError::NoSuchCpus { cpus: vec![absent] }),
    ] {
        let error = Group::builder().cpus(list).build().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(BuildError::of(&error), Some(&expected), "{error}");
    }
}

/// A thread that parks between two jobs and is woken on its submitter's processor is sent elsewhere now and then. The
/// job must not see that.
#[test]
fn a_job_sees_the_processors_its_thread_was_given() {
    let _watchdog = watchdog();
    let expected = cpus();
    let group = Group::builder().build().unwrap();
    for _ in 0..20_000 {
        assert_eq!(group.offload(cpus).wait(), expected);
    }
}

/// What a job sets for its thread stays.
#[test]
fn what_a_job_sets_stays() {
    let _watchdog = watchdog();
    let mine = cpus()[0];
    let group = Group::builder().max_threads(1).build().unwrap();
    group
        .offload(move || {
            let mut set = CpuSet::new();
            set.set(mine);
            sched_setaffinity(None, &set).unwrap();
        })
        .wait();
    for _ in 0..5_000 {
        assert_eq!(group.offload(cpus).wait(), [mine]);
    }
}
