//! What the pools are put to.

mod all;
mod blocked;
mod linger;
mod million;
mod producers;
mod roundtrip;
mod sleeps;
mod window;

use crate::figures::Figures;
use crate::pool::{Caps, Pool};
use aside_benches::meter::ns_per;
use std::time::Duration;

pub(crate) use roundtrip::percentiles;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Workload {
    All,
    Window,
    Producers,
    Roundtrip,
    Sleeps,
    SleepsAgain,
    Blocked,
    Million,
    Linger,
}

/// A column of a workload's table.
pub(crate) struct Column {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
}

const fn column(key: &'static str, title: &'static str) -> Column {
    Column { key, title }
}

impl Workload {
    pub(crate) const ALL: [Self; 9] = [
        Self::All,
        Self::Window,
        Self::Producers,
        Self::Roundtrip,
        Self::Sleeps,
        Self::SleepsAgain,
        Self::Blocked,
        Self::Million,
        Self::Linger,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Window => "window",
            Self::Producers => "producers",
            Self::Roundtrip => "roundtrip",
            Self::Sleeps => "sleeps",
            Self::SleepsAgain => "sleeps_again",
            Self::Blocked => "blocked",
            Self::Million => "million",
            Self::Linger => "linger",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workload| workload.name() == name)
    }

    pub(crate) fn title(self, quick: bool) -> String {
        let jobs = self.jobs(quick);
        match self {
            Self::All => format!("submit {jobs} no-ops, then await all"),
            Self::Window => format!("{jobs} no-ops, {} in flight in FuturesUnordered", window::IN_FLIGHT),
            Self::Producers => {
                let threads = producers::PRODUCERS;
                format!("{threads} threads submit {} no-ops each and await their own", jobs / threads)
            }
            Self::Roundtrip => format!("{jobs} no-ops, one at a time"),
            Self::Sleeps => format!("{jobs} jobs that sleep 5 ms"),
            Self::SleepsAgain => format!("{jobs} jobs that sleep 5 ms, threads parked from the same before"),
            Self::Blocked => format!(
                "one job blocks {:?}, {jobs} no-ops behind it: their time in the queue",
                blocked::block_for(quick)
            ),
            Self::Million => format!("{jobs} jobs queued while all 2 threads are blocked"),
            Self::Linger => "gaps between jobs: CPU time, in % of one core, without the gaps' own".to_owned(),
        }
    }

    /// The columns of its own; the first one is what the peers are compared by.
    pub(crate) fn columns(self) -> &'static [Column] {
        const ALL: &[Column] = &[column("total_ns", "total ns/job"), column("submit_ns", "submit ns/job")];
        const TOTAL: &[Column] = &[column("total_ns", "total ns/job")];
        const TRIP: &[Column] =
            &[column("p50_us", "p50 µs"), column("p99_us", "p99 µs"), column("p999_us", "p99.9 µs")];
        const SLEEPS: &[Column] = &[column("total_ms", "total ms")];
        const BLOCKED: &[Column] = &[
            column("p99_ms", "p99 ms"),
            column("max_ms", "max ms"),
            column("begun_p99_ms", "p99 ms, blocker begun before"),
            column("begun_max_ms", "max ms, begun"),
        ];
        const MILLION: &[Column] = &[
            column("submit_ns", "submit ns/job"),
            column("late_ns", "last tenth"),
            column("bytes", "heap bytes/job"),
            column("handle_bytes", "handle bytes"),
            column("drain_ns", "drain ns/job"),
        ];
        const LINGER: &[Column] = &[
            column("cpu10", "10 µs"),
            column("cpu20", "20 µs"),
            column("cpu45", "45 µs"),
            column("cpu100", "100 µs"),
            column("p50_us_10", "p50 µs at 10"),
            column("p50_us_100", "at 100"),
        ];
        match self {
            Self::All => ALL,
            Self::Window | Self::Producers => TOTAL,
            Self::Roundtrip => TRIP,
            Self::Sleeps | Self::SleepsAgain => SLEEPS,
            Self::Blocked => BLOCKED,
            Self::Million => MILLION,
            Self::Linger => LINGER,
        }
    }

    pub(crate) fn caps(self) -> Caps {
        match self {
            Self::Million => {
                Caps { elastic: million::THREADS, fixed: million::THREADS, least: million::THREADS }
            }
            _ => Caps { elastic: 500, fixed: 4, least: 1 },
        }
    }

    pub(crate) fn jobs(self, quick: bool) -> usize {
        let (full, few) = match self {
            Self::All | Self::Window => (200_000, 4_000),
            Self::Producers => (8 * 50_000, 8 * 500),
            Self::Roundtrip => (50_000, 1_000),
            Self::Sleeps | Self::SleepsAgain => (2_000, 60),
            Self::Blocked => (1_000, 100),
            Self::Million => (1_000_000, 10_000),
            Self::Linger => (0, 0),
        };
        if quick { few } else { full }
    }

    /// As many as tell allocations per job: counting makes the rest of the figures useless.
    pub(crate) fn jobs_to_count(self, quick: bool) -> Option<usize> {
        match self {
            // Counts by itself, for the bytes.
            Self::Million => None,
            Self::Linger => None,
            Self::Sleeps | Self::SleepsAgain | Self::Blocked => Some(self.jobs(quick).min(200)),
            Self::All | Self::Window | Self::Producers | Self::Roundtrip => Some(self.jobs(quick) / 10),
        }
    }

    pub(crate) fn run<P: Pool>(self, pool: &P, jobs: usize, quick: bool) -> Figures {
        // Pools that start lazily have started by now.
        pool.block_on(pool.submit(|| ()));
        match self {
            Self::All => all::run(pool, jobs),
            Self::Window => window::run(pool, jobs),
            Self::Producers => producers::run(pool, jobs),
            Self::Roundtrip => roundtrip::run(pool, jobs),
            Self::Sleeps => sleeps::run(pool, jobs),
            Self::SleepsAgain => sleeps::run_again(pool, jobs),
            Self::Blocked => blocked::run(pool, jobs, blocked::block_for(quick)),
            Self::Million => million::run(pool, jobs),
            Self::Linger => linger::run(pool, Duration::from_millis(if quick { 20 } else { 500 })),
        }
    }
}

async fn await_all<F: Future>(futures: Vec<F>) {
    for future in futures {
        future.await;
    }
}
