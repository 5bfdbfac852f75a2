use super::ns_per;
use crate::figures::Figures;
use crate::meter::Meter;
use crate::pool::Pool;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::time::Instant;

pub(super) const IN_FLIGHT: usize = 64;

pub(super) fn run<P: Pool>(pool: &P, jobs: usize) -> Figures {
    let mut figures = Figures::default();
    let meter = Meter::start(0);
    let start = Instant::now();
    pool.block_on(async {
        let mut window = FuturesUnordered::new();
        for _ in 0..jobs {
            if window.len() == IN_FLIGHT {
                window.next().await;
            }
            window.push(pool.submit(|| ()));
        }
        while window.next().await.is_some() {}
    });
    let total = start.elapsed();
    meter.stop(jobs, &mut figures);
    figures.set("total_ns", ns_per(total, jobs));
    figures
}
