//! The end of the process does not wait for jobs: what is queued is lost, and nothing hangs or crashes. Who wants all done
//! calls `shutdown` before.
#![cfg(unix)]

mod util;

use aside::{Deadline, Group};
use std::fs::OpenOptions;
use std::io::Write;
use std::process::exit;
use util::hold_thread;
use util::process::{ended_by, file, in_child};

/// How many lines a child has written into its file.
fn lines_of_child(test: &str, code: i32, body: impl FnOnce()) -> usize {
    let ended = ended_by(test, code, || {
        body();
        panic!("the process goes on");
    });
    ended.map_or(0, |ended| ended.text.lines().count())
}

fn write_line() {
    writeln!(OpenOptions::new().create(true).append(true).open(file()).unwrap(), "a line").unwrap();
}

fn queue_lines(group: &Group) {
    (0..100).for_each(|_| group.offload(write_line).detach());
}

#[test]
fn with_jobs_queued_and_running() {
    let lines = lines_of_child("with_jobs_queued_and_running", 7, || {
        let group = util::single_thread_group();
        let _held = hold_thread(&group);
        queue_lines(&group);
        exit(7);
    });
    assert_eq!(lines, 0);
}

#[test]
fn with_jobs_of_the_global_group() {
    let lines = lines_of_child("with_jobs_of_the_global_group", 0, || {
        let group = Group::builder().max_threads(1).build_global().unwrap();
        let _held = hold_thread(group);
        queue_lines(group);
        exit(0);
    });
    assert_eq!(lines, 0);
}

#[test]
fn from_a_job() {
    let lines = lines_of_child("from_a_job", 3, || {
        let group = util::single_thread_group();
        let job = group.offload(|| -> () { exit(3) });
        queue_lines(&group);
        job.wait();
    });
    assert_eq!(lines, 0);
}

#[test]
fn in_the_middle_of_everything() {
    for _ in 0..20 {
        lines_of_child("in_the_middle_of_everything", 5, || {
            let group =
                Group::builder().max_threads(4).keep_alive(std::time::Duration::ZERO).build().unwrap();
            for _ in 0..2 {
                let group = group.clone();
                std::thread::spawn(move || {
                    loop {
                        group.offload(|| vec![1_u8; 100]).detach();
                        drop(aside::offload(|| vec![1_u8; 100]));
                        group.offload(|| ()).wait();
                    }
                });
            }
            (0..100).for_each(|_| group.offload(|| ()).wait());
            exit(5);
        });
    }
}

#[test]
fn the_end_of_main() {
    // The child's main is the test harness's; the group with its jobs is still there when it ends.
    in_child(
        "the_end_of_main",
        |_| (),
        || {
            let group = util::single_thread_group();
            std::mem::forget(hold_thread(&group));
            (0..100).for_each(|_| group.offload(|| unreachable!("lost")).detach());
            (0..100).for_each(|_| Group::global().offload(|| ()).detach());
            std::mem::forget(group);
        },
    );
}

#[test]
fn a_shutdown_before_loses_nothing() {
    let lines = lines_of_child("a_shutdown_before_loses_nothing", 0, || {
        let group = Group::builder().max_threads(2).build().unwrap();
        queue_lines(&group);
        queue_lines(Group::global());
        assert!(group.shutdown(Deadline::NEVER).is_nothing());
        assert!(Group::global().shutdown(Deadline::NEVER).is_nothing());
        exit(0);
    });
    assert_eq!(lines, 200);
}

#[test]
fn a_drain_before_loses_nothing() {
    let lines = lines_of_child("a_drain_before_loses_nothing", 0, || {
        queue_lines(Group::global());
        Group::global().drain().wait();
        exit(0);
    });
    assert_eq!(lines, 100);
}
