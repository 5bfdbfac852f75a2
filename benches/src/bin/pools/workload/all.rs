use super::{await_all, ns_per};
use crate::figures::Figures;
use crate::meter::Meter;
use crate::pool::Pool;
use std::time::Instant;

pub(super) fn run<P: Pool>(pool: &P, jobs: usize) -> Figures {
    let mut figures = Figures::default();
    let mut queued = Vec::with_capacity(jobs);
    let meter = Meter::start(0);
    let start = Instant::now();
    queued.extend((0..jobs).map(|_| pool.submit(|| ())));
    let submitted = start.elapsed();
    pool.block_on(await_all(queued));
    let total = start.elapsed();
    meter.stop(jobs, &mut figures);
    figures.set("submit_ns", ns_per(submitted, jobs));
    figures.set("total_ns", ns_per(total, jobs));
    figures
}
