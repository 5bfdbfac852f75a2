//! What a stretch of work takes besides time: threads, CPU, context switches, allocations.

use crate::alloc;
use crate::figures::Figures;
use crate::threads;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Threads that belong to the harness in every measurement: main, the watchdog, the sampler.
const HARNESS_THREADS: usize = 3;
/// Rare enough to disturb nothing. Threads live far longer than that in all pools, and the end is looked at besides.
const SAMPLE_EVERY: Duration = Duration::from_millis(5);

pub struct Meter {
    harness_threads: usize,
    sampler: Sampler,
    spent: Spent,
    allocations: u64,
}

impl Meter {
    /// From now on. The workload has that many threads of its own, all of which have started already.
    pub fn start(workload_threads: usize) -> Self {
        let sampler = Sampler::start();
        let harness_threads = HARNESS_THREADS + workload_threads;
        Self { harness_threads, sampler, spent: Spent::so_far(), allocations: alloc::allocations() }
    }

    /// Until now, while all the workload's own threads are still there.
    pub fn stop(self, jobs: usize, figures: &mut Figures) {
        self.stop_per(jobs as f64, figures);
    }

    /// The same, where the work is not counted in jobs.
    pub fn stop_per(self, jobs: f64, figures: &mut Figures) {
        let allocations = alloc::allocations() - self.allocations;
        let threads_now = threads::count();
        let (peak, sampling) = self.sampler.stop();
        let spent = Spent::so_far().less(&self.spent).less(&sampling);
        let per_job = |total: f64| total.max(0.0) / jobs;
        figures.set("threads", peak.max(threads_now).saturating_sub(self.harness_threads) as f64);
        figures.set("cpu_ns", per_job(spent.cpu_ns));
        figures.set("voluntary", per_job(spent.voluntary));
        figures.set("involuntary", per_job(spent.involuntary));
        figures.set("allocations", per_job(allocations as f64));
    }
}

/// Of so many jobs: how long they took, and what.
pub fn metered(jobs: usize, work: impl FnOnce(&mut Figures)) -> Figures {
    let mut figures = Figures::default();
    let meter = Meter::start(0);
    let start = Instant::now();
    work(&mut figures);
    let total = start.elapsed();
    meter.stop(jobs, &mut figures);
    figures.set("total_ns", ns_per(total, jobs));
    figures
}

pub fn ns_per(time: Duration, jobs: usize) -> f64 {
    time.as_nanos() as f64 / jobs as f64
}

/// What `getrusage` tells of a process or of a thread.
struct Spent {
    cpu_ns: f64,
    voluntary: f64,
    involuntary: f64,
}

impl Spent {
    /// By all threads, those that have ended included.
    fn so_far() -> Self {
        Self::of(&getrusage(UsageWho::RUSAGE_SELF).expect("getrusage"))
    }

    fn by_this_thread() -> Self {
        Self::of(&getrusage(UsageWho::RUSAGE_THREAD).expect("getrusage"))
    }

    fn of(usage: &Usage) -> Self {
        let micros = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1e6 + time.tv_usec() as f64;
        Self {
            cpu_ns: (micros(usage.user_time()) + micros(usage.system_time())) * 1e3,
            voluntary: usage.voluntary_context_switches() as f64,
            involuntary: usage.involuntary_context_switches() as f64,
        }
    }

    fn less(&self, other: &Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns - other.cpu_ns,
            voluntary: self.voluntary - other.voluntary,
            involuntary: self.involuntary - other.involuntary,
        }
    }
}

/// Looks at the number of threads now and then.
struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, Spent)>,
}

impl Sampler {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut peak = 0;
            while !stopped.load(Relaxed) {
                peak = peak.max(threads::count());
                thread::park_timeout(SAMPLE_EVERY);
            }
            (peak, Spent::by_this_thread())
        });
        Self { stop, thread }
    }

    /// The peak, all threads counted, and what the sampling took.
    fn stop(self) -> (usize, Spent) {
        self.stop.store(true, Relaxed);
        self.thread.thread().unpark();
        self.thread.join().expect("the sampler does not panic")
    }
}
