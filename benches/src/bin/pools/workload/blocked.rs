use crate::figures::Figures;
use crate::meter::Meter;
use crate::pool::Pool;
use hdrhistogram::Histogram;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn block_for(quick: bool) -> Duration {
    if quick { Duration::from_millis(50) } else { Duration::from_secs(1) }
}

/// Twice: first with the jobs queued right behind the one that blocks, then with that one begun before the others come.
pub(super) fn run<P: Pool>(pool: &P, jobs: usize, block_for: Duration) -> Figures {
    let mut figures = Figures::default();
    let meter = Meter::start(0);
    let behind = times_in_queue(pool, jobs, block_for, false);
    let begun = times_in_queue(pool, jobs, block_for, true);
    meter.stop(2 * jobs, &mut figures);
    for (p99, max, times) in [("p99_ms", "max_ms", behind), ("begun_p99_ms", "begun_max_ms", begun)] {
        figures.set(p99, times.value_at_quantile(0.99) as f64 / 1e6);
        figures.set(max, times.max() as f64 / 1e6);
    }
    figures
}

/// In ns, each from before its submission to the job's first step, as the job itself sees it.
fn times_in_queue<P: Pool>(pool: &P, jobs: usize, block_for: Duration, begun: bool) -> Histogram<u64> {
    let (at_work, is_at_work) = mpsc::channel();
    let blocker = pool.submit(move || {
        at_work.send(()).expect("somebody listens");
        thread::sleep(block_for);
    });
    if begun {
        is_at_work.recv().expect("the job says so");
    }
    let queued: Vec<_> = (0..jobs)
        .map(|_| {
            let submitted = Instant::now();
            pool.submit(move || submitted.elapsed())
        })
        .collect();
    let mut times = Histogram::new(3).expect("three digits");
    pool.block_on(async {
        for job in queued {
            times.record(job.await.as_nanos() as u64).expect("grows by itself");
        }
        blocker.await;
    });
    times
}
