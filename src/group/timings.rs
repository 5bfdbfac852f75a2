//! How long jobs waited and ran, as histograms.

use crate::job::{Host, Job};
use histogram::{AtomicHistogram, Histogram};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Each power of two is split into 2⁴ buckets: a time is known to 1/16, 6.25 %.
const GROUPING_POWER: u8 = 4;
/// Times from 2⁴² ns on, 73 minutes, count as that. So a histogram has 624 buckets, 5 KiB.
const MAX_VALUE_POWER: u8 = 42;

/// How long the jobs of a group waited and ran: a snapshot, made by [`Group::timings`](crate::Group::timings).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timings {
    /// From the submit to the moment the job was started. Of each job that was started: what was cancelled in the queue is not in it.
    pub time_in_queue: Times,
    /// From there to its end, by a panic or not. Its callback and its awaiter's waker are not in it.
    pub run_time: Times,
}

/// Times of many jobs. They are kept in buckets 6.25 % wide, from 1 ns to 73 minutes; what took longer counts as that.
#[derive(Clone)]
pub struct Times(Histogram);

impl Times {
    /// How many times there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|bucket| bucket.count()).sum()
    }

    /// The time that so many percent of all times do not exceed, from 0 (the least) to 100 (the greatest); at most 6.25 % too
    /// long. `None` if there are no times, or no such percentage.
    ///
    /// ```
    /// use aside::Group;
    ///
    /// let group = Group::builder().timings(true).build()?;
    /// group.offload_all((0..100).map(|n| move || n)).wait();
    /// let timings = group.timings().expect("they are on");
    /// println!("99 % of the jobs waited at most {:?}", timings.time_in_queue.percentile(99.0));
    /// # assert!(timings.time_in_queue.percentile(50.0) <= timings.time_in_queue.percentile(99.0));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let bucket = self.0.quantile_bucket(percent / 100.0).ok()??;
        Some(Duration::from_nanos(bucket.end()))
    }

    /// The buckets that hold any times, shortest first: the longest time that falls into each, and how many do.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let filled = self.0.iter().filter(|bucket| bucket.count() > 0);
        filled.map(|bucket| (Duration::from_nanos(bucket.end()), bucket.count()))
    }
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Times")
            .field("count", &self.count())
            .field("p50", &self.percentile(50.0))
            .field("p99", &self.percentile(99.0))
            .field("max", &self.percentile(100.0))
            .finish()
    }
}

/// What the jobs of a group record into. Without locks: one relaxed add for each time.
pub(super) struct Meters {
    time_in_queue: AtomicHistogram,
    run_time: AtomicHistogram,
}

impl Meters {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { time_in_queue: histogram(), run_time: histogram() })
    }

    pub(super) fn read(&self) -> Timings {
        Timings { time_in_queue: Times(self.time_in_queue.load()), run_time: Times(self.run_time.load()) }
    }
}

fn histogram() -> AtomicHistogram {
    AtomicHistogram::new(GROUPING_POWER, MAX_VALUE_POWER).expect("these powers are valid")
}

fn record(histogram: &AtomicHistogram, time: Duration) {
    let longest = (1 << MAX_VALUE_POWER) - 1;
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(longest);
    // It fails on nothing but a value above the greatest.
    let _ = histogram.increment(nanos.min(longest));
}

/// A job that records how long it waited and ran.
pub(super) struct Timed<F> {
    job: F,
    queued: Instant,
    meters: Arc<Meters>,
}

impl<F> Timed<F> {
    /// A job that is about to be queued.
    pub(super) fn new(job: F, meters: &Arc<Meters>) -> Self {
        Self { job, queued: Instant::now(), meters: meters.clone() }
    }

    pub(super) fn into_job(self) -> F {
        self.job
    }
}

impl<F, T> Job for Timed<F>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn run(self, _: &dyn Host) -> T {
        let begun = Instant::now();
        record(&self.meters.time_in_queue, begun.saturating_duration_since(self.queued));
        // Also when it panics.
        let _clock = RunClock { begun, meters: &self.meters };
        (self.job)()
    }
}

struct RunClock<'a> {
    begun: Instant,
    meters: &'a Meters,
}

impl Drop for RunClock<'_> {
    fn drop(&mut self) {
        record(&self.meters.run_time, self.begun.elapsed());
    }
}
