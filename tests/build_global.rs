//! The global group: built once or made on first use, with the environment's maximum of threads.
#![cfg(unix)]

mod util;

use aside::{BuildError, Group};
use std::io;
use std::sync::Barrier;
use util::Gate;
use util::process::{eventually, in_child, until_running};

fn assert_exists(result: io::Result<&'static Group>) {
    let error = result.expect_err("there is a global group");
    assert_eq!(BuildError::of(&error), Some(&BuildError::GlobalExists));
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn once() {
    in_child(
        "once",
        |_| (),
        || {
            let built = Group::builder().name("mine").max_threads(2).build_global().unwrap();
            assert!(std::ptr::eq(built, Group::global()));
            let name = aside::offload(|| std::thread::current().name().map(str::to_owned)).wait();
            assert_eq!(name.as_deref(), Some("mine"));
            assert_exists(Group::builder().build_global());
            assert_eq!(aside::offload(|| 1).wait(), 1);
        },
    );
}

#[test]
fn not_after_first_use() {
    in_child(
        "not_after_first_use",
        |_| (),
        || {
            assert_eq!(Group::global().stats().threads, 0, "the first job starts the first thread");
            assert_exists(Group::builder().build_global());
            assert_eq!(aside::offload(|| 1).wait(), 1);
            assert_exists(Group::builder().build_global());
        },
    );
}

#[test]
fn a_failed_build_uses_nothing_up() {
    in_child(
        "a_failed_build_uses_nothing_up",
        |_| (),
        || {
            let error = Group::builder().max_threads(0).build_global().unwrap_err();
            assert_eq!(BuildError::of(&error), Some(&BuildError::NoThreads));
            Group::builder().name("mine").build_global().unwrap();
        },
    );
}

#[test]
fn one_of_many_at_a_time() {
    in_child(
        "one_of_many_at_a_time",
        |_| (),
        || {
            let start = Barrier::new(8);
            let built: usize = std::thread::scope(|scope| {
                let attempts: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            Group::builder().name("race").build_global().map_err(|error| {
                                assert_eq!(BuildError::of(&error), Some(&BuildError::GlobalExists));
                            })
                        })
                    })
                    .collect();
                attempts.into_iter().map(|a| usize::from(a.join().unwrap().is_ok())).sum()
            });
            assert_eq!(built, 1);
            assert_eq!(aside::offload(|| 1).wait(), 1);
            #[cfg(target_os = "linux")]
            eventually("the losers' threads leave", || util::process::threads_named("race").len() == 1);
        },
    );
}

#[test]
fn the_environment_sets_the_maximum() {
    in_child(
        "the_environment_sets_the_maximum",
        |command| {
            command.env("ASIDE_MAX_THREADS", "3");
        },
        || {
            let gate = Gate::new();
            let jobs: Vec<_> = (0..10)
                .map(|_| {
                    let gate = gate.clone();
                    aside::offload(move || gate.pass())
                })
                .collect();
            until_running(Group::global(), 3);
            #[cfg(target_os = "linux")]
            eventually("three threads with their names", || util::process::threads_named("aside").len() == 3);
            let stats = Group::global().stats();
            assert_eq!((stats.threads, stats.running, stats.queued), (3, 3, 7));
            gate.open();
            jobs.into_iter().for_each(aside::Offload::wait);
            assert_eq!(Group::global().stats().peak_threads, 3);
        },
    );
}

#[test]
fn the_environment_does_not_bind_a_builder() {
    in_child(
        "the_environment_does_not_bind_a_builder",
        |command| {
            command.env("ASIDE_MAX_THREADS", "3");
        },
        || {
            Group::builder().build_global().unwrap();
            assert_ten_at_a_time();
        },
    );
}

/// Only with ten threads do ten jobs meet.
fn assert_ten_at_a_time() {
    let meeting: &Barrier = Box::leak(Box::new(Barrier::new(10)));
    let jobs: Vec<_> = (0..10).map(|_| aside::offload(|| meeting.wait())).collect();
    for job in jobs {
        job.wait();
    }
}

fn passed_over(test: &str, value: &str) {
    in_child(
        test,
        |command| {
            command.env("ASIDE_MAX_THREADS", value);
        },
        assert_ten_at_a_time,
    );
}

#[test]
fn zero_is_passed_over() {
    passed_over("zero_is_passed_over", "0");
}

#[test]
fn words_are_passed_over() {
    passed_over("words_are_passed_over", "abc");
    passed_over("words_are_passed_over", "3 threads");
    passed_over("words_are_passed_over", "-3");
}

#[test]
fn too_many_are_passed_over() {
    passed_over("too_many_are_passed_over", "70000");
    passed_over("too_many_are_passed_over", "99999999999999999999999999");
}

#[test]
fn nothing_is_passed_over() {
    passed_over("nothing_is_passed_over", "");
}
