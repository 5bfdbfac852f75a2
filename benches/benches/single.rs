//! Single operations of a group: `cargo bench -p aside-benches`.

use aside::{Group, Offload};
use divan::Bencher;
use divan::counter::ItemsCount;
use futures::FutureExt;
use std::sync::mpsc;
use std::thread;

fn main() {
    divan::main();
}

/// As most programs have it: the threads keep up, or nearly.
fn working() -> Group {
    Group::builder().build().expect("a group")
}

/// A group whose one thread is busy until the sender is dropped.
fn blocked() -> (Group, mpsc::Sender<()>) {
    let group = Group::builder().max_threads(1).build().expect("a group");
    let (open, gate) = mpsc::channel::<()>();
    let (at_gate, arrived) = mpsc::channel();
    let job = move || {
        at_gate.send(()).expect("somebody listens");
        let _ = gate.recv();
    };
    group.offload(job).detach();
    arrived.recv().expect("the thread gets there");
    (group, open)
}

fn finished(group: &Group) -> Offload<u64> {
    let job = group.offload(|| 1);
    while !job.is_finished() {
        thread::yield_now();
    }
    job
}

#[divan::bench(sample_size = 100, sample_count = 200)]
fn offload_detach(bencher: Bencher) {
    let group = working();
    bencher.bench_local(|| group.offload(|| ()).detach());
    group.drain().wait();
}

#[divan::bench(sample_count = 2_000)]
fn offload_wait(bencher: Bencher) {
    let group = working();
    bencher.bench_local(|| group.offload(|| 1_u64).wait());
}

/// Sometimes in time to cancel, sometimes not.
#[divan::bench(sample_size = 100, sample_count = 200)]
fn offload_drop(bencher: Bencher) {
    let group = working();
    bencher.bench_local(|| drop(group.offload(|| ())));
    group.drain().wait();
}

/// Always in time: the job is cancelled where it is queued.
#[divan::bench(sample_size = 100, sample_count = 200)]
fn offload_drop_queued(bencher: Bencher) {
    let (group, gate) = blocked();
    bencher.bench_local(|| drop(group.offload(|| ())));
    drop(gate);
    group.drain().wait();
}

#[divan::bench(sample_size = 100, sample_count = 200)]
fn poll_ready(bencher: Bencher) {
    let group = working();
    bencher.with_inputs(|| finished(&group)).bench_local_values(|job| job.now_or_never());
}

#[divan::bench(sample_size = 100, sample_count = 200)]
fn wait_ready(bencher: Bencher) {
    let group = working();
    bencher.with_inputs(|| finished(&group)).bench_local_values(Offload::wait);
}

/// Up to the last job's being queued; the time per job is the items' throughput.
#[divan::bench(args = [10, 1_000, 10_000])]
fn offload_all_detach(bencher: Bencher, jobs: usize) {
    let group = working();
    bencher
        .counter(ItemsCount::new(jobs))
        .bench_local(|| group.offload_all((0..jobs).map(|_| || ())).detach());
    group.drain().wait();
}

#[divan::bench(args = [10, 1_000, 10_000])]
fn offload_all_wait(bencher: Bencher, jobs: usize) {
    let group = working();
    bencher.counter(ItemsCount::new(jobs)).bench_local(|| group.offload_all((0..jobs).map(|_| || ())).wait());
}

#[divan::bench(sample_size = 100, sample_count = 200)]
fn stats(bencher: Bencher) {
    let group = working();
    bencher.bench_local(|| group.stats());
}
