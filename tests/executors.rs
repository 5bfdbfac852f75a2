//! The same small program inside each executor, and without one.

mod util;

use aside::Group;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use util::{hold_thread, start_job, watchdog};

const JOBS: u64 = 100;

fn group() -> Group {
    Group::builder().max_threads(4).build().unwrap()
}

fn square(n: u64) -> impl FnOnce() -> u64 + Send + 'static {
    move || n * n
}

/// Awaits jobs one after the other, all at once, and with a time-out that is sure to pass.
async fn program(time_out: impl Future<Output = ()>) {
    let group = group();
    for n in 0..JOBS {
        assert_eq!(group.offload(square(n)).await, n * n);
    }

    let all: FuturesUnordered<_> = (0..JOBS).map(|n| group.offload(square(n))).collect();
    let outputs: BTreeSet<u64> = all.collect().await;
    assert_eq!(outputs, (0..JOBS).map(|n| n * n).collect());

    // The gate is closed, so the timer wins however late it comes, and the handle still works afterwards.
    let mut running = start_job(&group, || "done");
    match select(&mut running.offload, pin!(time_out)).await {
        Either::Left(_) => panic!("the gate is closed"),
        Either::Right(((), _)) => running.gate.open(),
    }
    assert_eq!(running.offload.await, "done");
    group.drain().await;
    assert_eq!(group.stats().finished as u64, 2 * JOBS + 1);
}

async fn smol_timer() {
    smol::Timer::after(Duration::from_millis(1)).await;
}

/// What tokio's own time-out does to the handle it drops.
async fn program_of_tokio() {
    program(tokio::time::sleep(Duration::from_millis(1))).await;
    let group = Group::builder().max_threads(1).build().unwrap();
    let held = hold_thread(&group);
    tokio::time::timeout(Duration::from_millis(1), group.offload(|| panic!("was cancelled")))
        .await
        .unwrap_err();
    held.release();
    group.drain().await;
    assert_eq!(group.stats().cancelled, 1);
}

#[test]
fn smol_block_on() {
    let _watchdog = watchdog();
    smol::block_on(program(smol_timer()));
}

#[test]
fn smol_tasks() {
    let _watchdog = watchdog();
    let tasks: Vec<_> = (0..4).map(|_| smol::spawn(program(smol_timer()))).collect();
    smol::block_on(futures::future::join_all(tasks));
}

#[test]
fn tokio_current_thread() {
    let _watchdog = watchdog();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        program_of_tokio().await;
        let task = tokio::spawn(program_of_tokio());
        task.await.unwrap();
    });
}

#[test]
fn tokio_multi_thread() {
    let _watchdog = watchdog();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async {
        program_of_tokio().await;
        let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(program_of_tokio())).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn futures_block_on() {
    let _watchdog = watchdog();
    // This executor has no timer; a future that is ready at once makes the same choice.
    futures::executor::block_on(program(async {}));
}

#[test]
fn no_executor() {
    let _watchdog = watchdog();
    let group = group();
    for n in 0..JOBS {
        assert_eq!(group.offload(square(n)).wait(), n * n);
    }
    let all: Vec<_> = (0..JOBS).map(|n| group.offload(square(n))).collect();
    let outputs: Vec<u64> = all.into_iter().map(|offload| offload.wait()).collect();
    assert_eq!(outputs, (0..JOBS).map(|n| n * n).collect::<Vec<_>>());

    let running = start_job(&group, || "done");
    let offload = running.offload.wait_deadline(Duration::from_millis(1)).unwrap_err();
    running.gate.open();
    assert_eq!(offload.wait(), "done");
    group.drain().wait();
    assert_eq!(group.stats().finished as u64, 2 * JOBS + 1);
}
