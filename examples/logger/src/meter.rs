//! What records cost the thread that logged them.

use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Kept by each logging thread for each way, merged at the end.
pub(crate) struct Meter {
    /// In nanoseconds, to three digits.
    pub(crate) costs: Histogram<u64>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { costs: Histogram::new(3).expect("three digits are possible") }
    }

    /// A record was taken.
    pub(crate) fn note(&mut self, cost: Duration) {
        self.costs += nanos(cost);
    }

    /// How many records were taken.
    pub(crate) fn accepted(&self) -> u64 {
        self.costs.len()
    }

    pub(crate) fn add(&mut self, other: &Meter) {
        self.costs += &other.costs;
    }
}

/// What a meter shows for doing nothing: the time from one look at the clock to the next, in nanoseconds.
pub(crate) fn overhead() -> u64 {
    let mut costs = Histogram::<u64>::new(3).expect("three digits are possible");
    for _ in 0..10_000 {
        costs += nanos(Instant::now().elapsed());
    }
    costs.value_at_quantile(0.5)
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}
