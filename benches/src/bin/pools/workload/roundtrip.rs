use crate::figures::Figures;
use crate::meter::Meter;
use crate::pool::Pool;
use hdrhistogram::Histogram;
use std::time::Instant;

pub(super) fn run<P: Pool>(pool: &P, jobs: usize) -> Figures {
    let mut figures = Figures::default();
    let mut times = Vec::with_capacity(jobs);
    let meter = Meter::start(0);
    for _ in 0..jobs {
        let start = Instant::now();
        pool.block_on(pool.submit(|| ()));
        times.push(start.elapsed());
    }
    meter.stop(jobs, &mut figures);
    percentiles(times.iter().map(|time| time.as_nanos() as u64), &mut figures);
    figures
}

/// In µs, of times in ns.
pub(crate) fn percentiles(times: impl Iterator<Item = u64>, figures: &mut Figures) {
    let mut histogram = Histogram::<u64>::new(3).expect("three digits");
    for time in times {
        histogram.record(time).expect("grows by itself");
    }
    for (key, quantile) in [("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999)] {
        figures.set(key, histogram.value_at_quantile(quantile) as f64 / 1e3);
    }
}
