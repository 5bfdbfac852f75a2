use super::{await_all, ns_per};
use crate::alloc;
use crate::figures::Figures;
use crate::meter::Meter;
use crate::pool::Pool;
use std::sync::mpsc;
use std::time::Instant;

pub(super) const THREADS: usize = 2;

/// Counts allocations while it submits, as only a fresh pool tells what the queue takes; so the submit is a little slower
/// here than it could be, for all pools alike.
pub(super) fn run<P: Pool>(pool: &P, jobs: usize) -> Figures {
    let mut figures = Figures::default();
    let gates = block_threads(pool);
    let submit = |_| pool.submit(|| ());
    let mut queued = Vec::with_capacity(jobs);
    alloc::count_from_now(true);
    let meter = Meter::start(0);
    let bytes = alloc::live_bytes();
    let start = Instant::now();
    queued.extend((0..jobs - jobs / 10).map(submit));
    let most = start.elapsed();
    queued.extend((0..jobs / 10).map(submit));
    let submitted = start.elapsed();
    let bytes = alloc::live_bytes() - bytes;
    alloc::count_from_now(false);
    let start = Instant::now();
    drop(gates);
    figures.set("handle_bytes", queued.first().map_or(0, size_of_val) as f64);
    pool.block_on(await_all(queued));
    let drained = start.elapsed();
    meter.stop(jobs, &mut figures);
    figures.set("submit_ns", ns_per(submitted, jobs));
    figures.set("late_ns", ns_per(submitted - most, jobs / 10));
    figures.set("bytes", bytes as f64 / jobs as f64);
    figures.set("drain_ns", ns_per(drained, jobs));
    figures
}

/// Until the gates are dropped.
fn block_threads<P: Pool>(pool: &P) -> Vec<mpsc::Sender<()>> {
    let (at_gate, arrived) = mpsc::channel();
    let gates = (0..THREADS)
        .map(|_| {
            let (open, gate) = mpsc::channel::<()>();
            let at_gate = at_gate.clone();
            // Leaked, not dropped: dropping the future would cancel the job in some pools.
            std::mem::forget(pool.submit(move || {
                at_gate.send(()).expect("somebody listens");
                let _ = gate.recv();
            }));
            open
        })
        .collect();
    for _ in 0..THREADS {
        arrived.recv().expect("every thread gets there");
    }
    gates
}
