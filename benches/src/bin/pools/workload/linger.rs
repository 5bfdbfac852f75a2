use crate::figures::Figures;
use crate::meter::Meter;
use crate::pool::Pool;
use hdrhistogram::Histogram;
use nix::time::{ClockId, clock_gettime};
use std::hint;
use std::time::{Duration, Instant};

struct Gap {
    gap: Duration,
    cpu: &'static str,
    p50: &'static str,
}

const fn gap(micros: u64, cpu: &'static str, p50: &'static str) -> Gap {
    Gap { gap: Duration::from_micros(micros), cpu, p50 }
}

const GAPS: [Gap; 4] = [
    gap(10, "cpu10", "p50_us_10"),
    gap(20, "cpu20", "p50_us_20"),
    gap(45, "cpu45", "p50_us_45"),
    gap(100, "cpu100", "p50_us_100"),
];

/// Job after job, each awaited, with a gap in between, in which this thread spins: no sleep is that exact. The spinning is
/// measured by itself and taken off.
pub(super) fn run<P: Pool>(pool: &P, time_each: Duration) -> Figures {
    let mut figures = Figures::default();
    let meter = Meter::start(0);
    let mut jobs = 0;
    for Gap { gap, cpu, p50 } in GAPS {
        let mut trips = Histogram::<u64>::new(3).expect("three digits");
        let mut spun = Duration::ZERO;
        let process = cpu_time(ClockId::CLOCK_PROCESS_CPUTIME_ID);
        let start = Instant::now();
        while start.elapsed() < time_each {
            let submitted = Instant::now();
            pool.block_on(pool.submit(|| ()));
            let trip = submitted.elapsed();
            trips.record(trip.as_nanos() as u64).expect("grows by itself");
            spun += spin(gap);
            jobs += 1;
        }
        let time = start.elapsed();
        let cpu_spent = (cpu_time(ClockId::CLOCK_PROCESS_CPUTIME_ID) - process).saturating_sub(spun);
        figures.set(cpu, cpu_spent.as_secs_f64() / time.as_secs_f64() * 100.0);
        figures.set(p50, trips.value_at_quantile(0.5) as f64 / 1e3);
    }
    meter.stop(jobs, &mut figures);
    figures
}

/// Returns the CPU time it took, which is less than the gap if this thread was preempted.
fn spin(gap: Duration) -> Duration {
    let start = Instant::now();
    let cpu = cpu_time(ClockId::CLOCK_THREAD_CPUTIME_ID);
    while start.elapsed() < gap {
        hint::spin_loop();
    }
    cpu_time(ClockId::CLOCK_THREAD_CPUTIME_ID) - cpu
}

fn cpu_time(clock: ClockId) -> Duration {
    clock_gettime(clock).expect("Linux has this clock").into()
}
