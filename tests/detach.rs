//! A detached job runs whatever happens, and nobody but the panic hook hears of its end.

mod util;

use util::{Counter, DropCounter, expected_panic, finished_job, hold_thread, hush, single_thread_group};
use util::{start_job, watchdog};

#[test]
fn a_job_detached_while_queued_runs_once() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let thread = held.id();
    let (outputs, runs) = (DropCounter::new(), Counter::new());
    group
        .offload({
            let (token, runs) = (outputs.token(), runs.clone());
            move || {
                runs.add();
                token
            }
        })
        .detach();
    assert_eq!((outputs.count(), runs.get()), (0, 0));
    held.release();
    group.drain().wait();
    assert_eq!(runs.get(), 1);
    assert_eq!(outputs.threads(), [thread]);
    assert_eq!(group.stats().cancelled, 0);
}

#[test]
fn a_job_detached_while_it_runs_ends_as_it_would() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (outputs, runs) = (DropCounter::new(), Counter::new());
    let job = start_job(&group, {
        let (token, runs) = (outputs.token(), runs.clone());
        move || {
            runs.add();
            token
        }
    });
    job.offload.detach();
    assert_eq!(outputs.count(), 0);
    job.gate.open();
    group.drain().wait();
    assert_eq!(runs.get(), 1);
    assert_eq!(outputs.threads(), [job.thread]);
}

#[test]
fn a_job_detached_after_its_end_drops_its_output_once() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (outputs, runs) = (DropCounter::new(), Counter::new());
    let offload = finished_job(&group, {
        let (token, runs) = (outputs.token(), runs.clone());
        move || {
            runs.add();
            token
        }
    });
    assert_eq!(outputs.count(), 0);
    offload.detach();
    group.drain().wait();
    assert_eq!((outputs.count(), runs.get()), (1, 1));
}

#[test]
fn a_detached_job_outlives_the_last_handle_of_its_group() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let (ran, hear) = std::sync::mpsc::channel();
    for n in 0..100 {
        let ran = ran.clone();
        group.offload(move || ran.send(n).unwrap()).detach();
    }
    drop(ran);
    drop(group);
    held.release();
    // Ends when the last job has dropped its sender.
    assert_eq!(hear.iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_detached_job_that_panics_harms_nothing() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let thread = held.id();
    let closures = DropCounter::new();
    for _ in 0..100 {
        let token = closures.token();
        group
            .offload(move || {
                let _token = token;
                expected_panic("in a detached job")
            })
            .detach();
    }
    let behind = group.offload(|| std::thread::current().id());
    held.release();
    assert_eq!(behind.wait(), thread);
    group.drain().wait();
    let stats = group.stats();
    assert_eq!((stats.panicked, stats.threads, stats.peak_threads), (100, 1, 1));
    assert_eq!(closures.count(), 100);
}
