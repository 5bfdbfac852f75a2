//! Destructors that panic: of closures, of outputs, of what a job panicked with. Each costs the job it belongs to
//! and nothing else.

mod util;

use aside::{Group, JobError};
use std::panic::panic_any;
use std::thread::{ThreadId, current};
use std::time::Duration;
use util::{Counter, DropCounter, expected_panic, finished_job, hold_thread, hush};
use util::{panic_message_of, panic_of, single_thread_group, start_job, watchdog};

/// One thread and room for one job, so that a thread or a place that was lost is missed at once.
fn tight_group() -> Group {
    Group::builder().max_threads(1).queue_limit(1).build().unwrap()
}

/// Fails unless the group works as well as a new one, with the same thread as ever.
#[track_caller]
fn assert_unharmed(group: &Group, thread: ThreadId) {
    group.drain().wait();
    let held = hold_thread(group);
    assert_eq!(held.id(), thread);
    let queued = group.try_offload(|| current().id()).expect("the only place is free");
    assert!(group.try_offload(|| ()).is_err_and(|rejected| rejected.is_full()));
    held.release();
    assert_eq!(queued.wait(), thread);
    group.drain().wait();
    let stats = group.stats();
    assert_eq!((stats.threads, stats.peak_threads, stats.queued), (1, 1, 0));
    assert_eq!(stats.submitted, stats.finished + stats.cancelled);
}

#[test]
fn a_closure_cancelled_by_drop_panics_in_the_dropper() {
    let _watchdog = watchdog();
    hush();
    let group = tight_group();
    let held = hold_thread(&group);
    let thread = held.id();
    let (closures, runs) = (DropCounter::new(), Counter::new());
    let queue_one = || {
        let (bomb, runs) = (closures.bomb(), runs.clone());
        let job = move || {
            let _bomb = bomb;
            runs.add();
        };
        group.try_offload(job).expect("the only place is free")
    };
    // Each needs the place of the one before.
    let offload = queue_one();
    assert!(panic_message_of(|| drop(offload)).ends_with("the destructor of a bomb"));
    let offload = queue_one();
    assert!(panic_message_of(|| offload.cancel()).ends_with("the destructor of a bomb"));
    let catch = queue_one().catch();
    assert!(panic_message_of(|| drop(catch)).ends_with("the destructor of a bomb"));
    assert_eq!(closures.threads(), [current().id(); 3]);
    held.release();
    assert_unharmed(&group, thread);
    assert_eq!((closures.count(), runs.get()), (3, 0));
    assert_eq!(group.stats().cancelled, 3);
}

#[test]
fn a_closure_that_panics_at_the_end_of_its_run_is_a_job_that_panicked() {
    let _watchdog = watchdog();
    hush();
    let group = tight_group();
    let closures = DropCounter::new();
    let bomb = closures.bomb();
    // An output that needs dropping would be leaked here, by the compiler: rust-lang/rust#47949.
    let job = start_job(&group, move || {
        let _bomb = bomb;
        5
    });
    job.gate.open();
    let outcome = job.offload.catch().wait();
    assert!(
        matches!(outcome, Err(JobError::Panicked(panic)) if panic.message().unwrap().ends_with("a bomb"))
    );
    assert_unharmed(&group, job.thread);
    assert_eq!(closures.count(), 1);
}

#[test]
fn a_closure_cancelled_by_a_shutdown_panics_in_nobody() {
    let _watchdog = watchdog();
    hush();
    let group = Group::builder().max_threads(1).build().unwrap();
    let held = hold_thread(&group);
    let closures = DropCounter::new();
    let offloads: Vec<_> = (0..3)
        .map(|_| {
            let bomb = closures.bomb();
            group.offload(move || drop(bomb))
        })
        .collect();
    assert_eq!(group.shutdown(Duration::ZERO).cancelled, 3);
    assert_eq!(closures.threads(), [current().id(); 3]);
    for offload in offloads {
        assert!(matches!(offload.catch().wait(), Err(JobError::Cancelled)));
    }
    held.release();
    assert!(group.shutdown(aside::Deadline::NEVER).is_nothing());
    assert_eq!((closures.count(), group.stats().threads), (3, 0));
}

#[test]
fn a_closure_that_a_closed_group_drops_panics_in_the_submitter_at_most() {
    let _watchdog = watchdog();
    hush();
    let group = tight_group();
    group.close();
    let closures = DropCounter::new();
    let bomb = closures.bomb();
    let outcome = group.offload(move || drop(bomb)).catch().wait();
    assert!(matches!(outcome, Err(JobError::Cancelled)));
    assert_eq!(closures.count(), 1);
}

#[test]
fn an_output_nobody_wants_may_panic_on_the_offload_thread() {
    let _watchdog = watchdog();
    hush();
    let group = tight_group();
    let outputs = DropCounter::new();
    let output = || {
        let bomb = outputs.bomb();
        move || bomb
    };
    let dropped = start_job(&group, output());
    let thread = dropped.thread;
    drop(dropped.offload);
    dropped.gate.open();
    assert_unharmed(&group, thread);

    let detached = start_job(&group, output());
    detached.offload.detach();
    detached.gate.open();
    assert_unharmed(&group, thread);

    let cancelled = start_job(&group, output());
    drop(cancelled.offload.cancel());
    cancelled.gate.open();
    assert_unharmed(&group, thread);

    group.offload(output()).on_done(drop);
    assert_unharmed(&group, thread);
    assert_eq!(outputs.threads(), [thread; 4]);
}

#[test]
fn the_output_of_a_finished_job_panics_in_whoever_drops_it() {
    let _watchdog = watchdog();
    hush();
    let group = tight_group();
    let thread = group.offload(|| current().id()).wait();
    let outputs = DropCounter::new();
    let output = || {
        let bomb = outputs.bomb();
        move || bomb
    };
    let offload = finished_job(&group, output());
    assert!(panic_message_of(|| drop(offload)).ends_with("the destructor of a bomb"));
    let offload = finished_job(&group, output());
    assert!(panic_message_of(|| offload.detach()).ends_with("the destructor of a bomb"));
    let taken = finished_job(&group, output()).wait();
    assert_eq!(outputs.count(), 2);
    assert!(panic_message_of(|| drop(taken)).ends_with("the destructor of a bomb"));
    assert_unharmed(&group, thread);
    assert_eq!(outputs.count(), 3);
}

#[test]
fn what_a_job_panicked_with_may_panic_in_turn() {
    let _watchdog = watchdog();
    hush();
    let group = tight_group();
    let payloads = DropCounter::new();
    let job = || {
        let bomb = payloads.bomb();
        move || -> u8 { panic_any(bomb) }
    };
    let dropped = start_job(&group, job());
    let thread = dropped.thread;
    drop(dropped.offload);
    dropped.gate.open();
    assert_unharmed(&group, thread);
    let detached = start_job(&group, job());
    detached.offload.detach();
    detached.gate.open();
    assert_unharmed(&group, thread);
    // A callback that drops its outcome, and one that panics with it.
    group.offload(job()).on_done(drop);
    assert_unharmed(&group, thread);
    group.offload(job()).on_done(|outcome| match outcome {
        Err(JobError::Panicked(panic)) => panic.resume(),
        _ => expected_panic("should not be"),
    });
    assert_unharmed(&group, thread);
    assert_eq!(payloads.threads(), [thread; 4]);

    // An awaiter gets it, panic and all.
    let payload = panic_of(|| group.offload(job()).wait());
    assert_eq!(payloads.count(), 4);
    assert!(panic_message_of(|| drop(payload)).ends_with("the destructor of a bomb"));
    let finished = finished_job(&group, job());
    assert!(panic_message_of(|| drop(finished)).ends_with("the destructor of a bomb"));
    assert_unharmed(&group, thread);
    assert_eq!(payloads.count(), 6);
}

#[test]
fn what_a_callback_holds_may_panic_when_dropped() {
    let _watchdog = watchdog();
    hush();
    let group = tight_group();
    let captures = DropCounter::new();
    let bomb = captures.bomb();
    let running = start_job(&group, || ());
    let thread = running.thread;
    running.offload.on_done(move |_| drop(bomb));
    running.gate.open();
    assert_unharmed(&group, thread);
    // The callback that is called, and the one that is not and is dropped all the same.
    let bomb = captures.bomb();
    group.offload(|| Ok::<u8, u8>(1)).on_complete(move |_| drop(bomb), |_| ());
    assert_unharmed(&group, thread);
    let bomb = captures.bomb();
    group.offload(|| Ok::<u8, u8>(1)).on_complete(|_| (), move |_| drop(bomb));
    assert_unharmed(&group, thread);
    assert_eq!(captures.count(), 3);
}

#[test]
fn what_a_callback_panics_with_may_panic_when_dropped() {
    let _watchdog = watchdog();
    hush();
    let group = tight_group();
    let payloads = DropCounter::new();
    let callback = || {
        let bomb = payloads.bomb();
        move |_| panic_any(bomb)
    };
    let job = start_job(&group, || ());
    let thread = job.thread;
    job.offload.on_done(callback());
    job.gate.open();
    assert_unharmed(&group, thread);
    finished_job(&group, || ()).on_done(callback());
    assert_unharmed(&group, thread);
    let finished = finished_job(&group, || ());

    // None of it reaches the caller, where the caller is who calls back.
    let held = hold_thread(&group);
    group.offload(|| ()).on_done(callback());
    assert_eq!(group.shutdown(Duration::ZERO).cancelled, 1);
    held.release();
    finished.on_done(callback());
    group.offload(|| ()).on_done(callback());
    assert_eq!(payloads.count(), 5);
}

/// Were the callback that is not called still there as the other one panics, two panics would meet and abort.
#[test]
fn a_panicking_callback_and_a_bomb_in_the_one_not_called() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let captures = DropCounter::new();
    for job in [|| Ok(1), || Err("no")] {
        let (in_ok, in_err) = (captures.bomb(), captures.bomb());
        group.offload(job).on_complete(
            move |_: u8| {
                std::mem::forget(in_ok);
                expected_panic("from ok");
            },
            move |_: aside::Failure<&str>| {
                std::mem::forget(in_err);
                expected_panic("from err");
            },
        );
    }
    group.drain().wait();
    assert_eq!(captures.count(), 2);
    assert_eq!(group.offload(|| 1).wait(), 1);
}
