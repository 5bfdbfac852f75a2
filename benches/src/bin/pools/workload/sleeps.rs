use super::await_all;
use crate::figures::Figures;
use crate::meter::Meter;
use crate::pool::Pool;
use std::thread;
use std::time::{Duration, Instant};

const SLEEP: Duration = Duration::from_millis(5);
/// Long enough for all threads to park, too short for any pool's threads to leave.
const BETWEEN: Duration = Duration::from_millis(200);

pub(super) fn run<P: Pool>(pool: &P, jobs: usize) -> Figures {
    let mut figures = Figures::default();
    let meter = Meter::start(0);
    let total = sleep_all(pool, jobs);
    meter.stop(jobs, &mut figures);
    figures.set("total_ms", total.as_secs_f64() * 1e3);
    figures
}

pub(super) fn run_again<P: Pool>(pool: &P, jobs: usize) -> Figures {
    sleep_all(pool, jobs);
    thread::sleep(BETWEEN);
    run(pool, jobs)
}

fn sleep_all<P: Pool>(pool: &P, jobs: usize) -> Duration {
    let start = Instant::now();
    let queued: Vec<_> = (0..jobs).map(|_| pool.submit(|| thread::sleep(SLEEP))).collect();
    pool.block_on(await_all(queued));
    start.elapsed()
}
