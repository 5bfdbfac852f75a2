use super::{await_all, ns_per};
use crate::figures::Figures;
use crate::meter::Meter;
use crate::pool::Pool;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

pub(super) const PRODUCERS: usize = 8;

pub(super) fn run<P: Pool>(pool: &P, jobs: usize) -> Figures {
    let mut figures = Figures::default();
    let each = jobs / PRODUCERS;
    let [begin, done, leave] = [(); 3].map(|()| Barrier::new(PRODUCERS + 1));
    thread::scope(|scope| {
        for _ in 0..PRODUCERS {
            scope.spawn(|| {
                let mut queued = Vec::with_capacity(each);
                begin.wait();
                queued.extend((0..each).map(|_| pool.submit(|| ())));
                pool.block_on(await_all(queued));
                done.wait();
                // The meter must be able to tell these threads from the pool's.
                leave.wait();
            });
        }
        let meter = Meter::start(PRODUCERS);
        let start = Instant::now();
        begin.wait();
        done.wait();
        let total = start.elapsed();
        meter.stop(jobs, &mut figures);
        figures.set("total_ns", ns_per(total, jobs));
        leave.wait();
    });
    figures
}
