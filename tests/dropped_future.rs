//! A future that a `select` or a time-out drops: before its job starts, while it runs, and after its end.

mod util;

use aside::{Group, Offload};
use futures::executor::block_on;
use futures::future::{Either, ready, select};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::current;
use std::time::Duration;
use util::probe_waker::ProbeWaker;
use util::{Counter, DropCounter, DropToken, finished_job, hold_thread, single_thread_group};
use util::{start_job, watchdog};

/// Counts what becomes of jobs whose closure hands out what it holds: one drop for each job, whether it ran or not.
#[derive(Default)]
struct Probe {
    runs: Counter,
    drops: DropCounter,
}

impl Probe {
    fn job(&self) -> impl FnOnce() -> DropToken + Send + use<> {
        let (runs, token) = (self.runs.clone(), self.drops.token());
        move || {
            runs.add();
            token
        }
    }
}

/// A `select` polls its first future first, then the second, which wins unless the job is done. The loser is dropped.
fn lose_a_select(offload: Offload<DropToken>) {
    match block_on(select(offload, ready(()))) {
        Either::Left(_) => panic!("the job was held back"),
        Either::Right(((), offload)) => drop(offload),
    }
}

/// The job is held back until after this, so the time-out passes however late it comes.
fn lose_to_a_time_out(offload: Offload<DropToken>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        assert!(tokio::time::timeout(Duration::from_millis(1), offload).await.is_err());
    });
}

const WAYS_TO_LOSE: [fn(Offload<DropToken>); 2] = [lose_a_select, lose_to_a_time_out];

#[test]
fn dropped_before_the_job_starts() {
    let _watchdog = watchdog();
    for lose in WAYS_TO_LOSE {
        let (group, probe) = (single_thread_group(), Probe::default());
        let held = hold_thread(&group);
        lose(group.offload(probe.job()));
        assert_eq!(probe.drops.threads(), [current().id()]);
        held.release();
        group.drain().wait();
        assert_eq!((probe.runs.get(), probe.drops.count()), (0, 1));
        assert_eq!(group.stats().cancelled, 1);
    }
}

#[test]
fn dropped_while_the_job_runs() {
    let _watchdog = watchdog();
    for lose in WAYS_TO_LOSE {
        let (group, probe) = (single_thread_group(), Probe::default());
        let job = start_job(&group, probe.job());
        lose(job.offload);
        assert_eq!(probe.drops.count(), 0);
        job.gate.open();
        group.drain().wait();
        assert_eq!(probe.runs.get(), 1);
        assert_eq!(probe.drops.threads(), [job.thread]);
        assert_eq!(group.stats().cancelled, 0);
    }
}

#[test]
fn dropped_after_the_job_has_ended() {
    let _watchdog = watchdog();
    let (group, probe) = (single_thread_group(), Probe::default());
    // Not polled, as the other side won at once.
    match block_on(select(ready(()), finished_job(&group, probe.job()))) {
        Either::Left(((), offload)) => drop(offload),
        Either::Right(_) => panic!("the other side is polled first"),
    }
    assert_eq!(probe.drops.threads(), [current().id()]);

    // Woken, and dropped before the wake-up had its poll.
    let waker = ProbeWaker::new();
    let mut job = start_job(&group, probe.job());
    assert!(Pin::new(&mut job.offload).poll(&mut Context::from_waker(waker.waker())).is_pending());
    job.gate.open();
    group.drain().wait();
    assert_eq!((waker.wakes(), probe.drops.count()), (1, 1));
    drop(job.offload);
    assert_eq!(probe.drops.threads(), [current().id(); 2]);
    assert_eq!((waker.clones(), waker.drops()), (1, 1));

    // Dropped with its output taken: the output is the taker's.
    match block_on(select(finished_job(&group, probe.job()), ready(()))) {
        Either::Left((output, _)) => {
            assert_eq!(probe.drops.count(), 2);
            drop(output);
        }
        Either::Right(_) => panic!("the job is done"),
    }
    assert_eq!((probe.runs.get(), probe.drops.count()), (3, 3));
}

#[test]
fn a_time_out_that_does_not_pass_changes_nothing() {
    let _watchdog = watchdog();
    let (group, probe) = (single_thread_group(), Probe::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let output = runtime.block_on(tokio::time::timeout(Duration::MAX, group.offload(probe.job()))).unwrap();
    assert_eq!((probe.runs.get(), probe.drops.count()), (1, 0));
    drop(output);
    assert_eq!(probe.drops.count(), 1);
}

#[test]
fn a_select_in_a_loop_may_come_back_to_the_same_future() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut job = start_job(&group, || "done");
    let mut losses = 0;
    let output = block_on(async {
        loop {
            futures::select_biased! {
                output = &mut job.offload => break output,
                () = ready(()) => {
                    losses += 1;
                    if losses == 10 {
                        job.gate.open();
                        group.drain().await;
                    }
                }
            }
        }
    });
    assert_eq!((output, losses), ("done", 10));
}

#[test]
fn dropped_at_any_moment() {
    const JOBS: usize = 10_000;
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let (probe, waker) = (Probe::default(), ProbeWaker::new());
    let mut rng = fastrand::Rng::with_seed(1);
    let mut taken = 0;
    for _ in 0..JOBS {
        let mut offload = group.offload(probe.job());
        // The worker takes and ends the job meanwhile, so that the drop meets it in every state.
        for _ in 0..rng.u32(..3) {
            if rng.bool() {
                std::thread::yield_now();
            }
            let polled = Pin::new(&mut offload).poll(&mut Context::from_waker(waker.waker()));
            if let Poll::Ready(output) = polled {
                taken += 1;
                drop(output);
                break;
            }
        }
        drop(offload);
    }
    group.drain().wait();
    assert_eq!(probe.drops.count(), JOBS);
    let stats = group.stats();
    assert_eq!((stats.finished, stats.cancelled), (probe.runs.get(), JOBS - probe.runs.get()));
    assert!(taken <= stats.finished);
    // The entries of the jobs cancelled last hold their wakers until a worker has passed them.
    assert!(group.shutdown(aside::Deadline::NEVER).is_nothing());
    assert_eq!(waker.clones(), waker.drops());
    assert!(waker.wakes() <= waker.clones());
}
