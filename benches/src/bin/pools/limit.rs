//! What no pool can beat, or what a part of the measurement takes by itself.

use crate::figures::Figures;
use crate::meter::Meter;
use crate::workload::{Workload, percentiles};
use futures::StreamExt;
use futures::executor::block_on;
use futures::stream::FuturesUnordered;
use std::future;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Instant;

/// `None` where there is nothing to compare with.
pub(crate) fn label(workload: Workload) -> Option<&'static str> {
    match workload {
        Workload::All => Some("limit: malloc + free of 64 B"),
        Workload::Window => Some("limit: FuturesUnordered alone"),
        Workload::Roundtrip => Some("limit: park/unpark ping-pong"),
        _ => None,
    }
}

pub(crate) fn run(workload: Workload, jobs: usize) -> Figures {
    match workload {
        Workload::All => malloc_and_free(jobs),
        Workload::Window => window_of_ready(jobs),
        Workload::Roundtrip => ping_pong(jobs),
        other => unreachable!("{} has no limit", other.name()),
    }
}

fn malloc_and_free(jobs: usize) -> Figures {
    let mut figures = Figures::default();
    let meter = Meter::start(0);
    let start = Instant::now();
    for _ in 0..jobs {
        drop(black_box(Box::new([0_u8; 64])));
    }
    let total = start.elapsed();
    meter.stop(jobs, &mut figures);
    figures.set("total_ns", total.as_nanos() as f64 / jobs as f64);
    figures
}

fn window_of_ready(jobs: usize) -> Figures {
    const IN_FLIGHT: usize = 64;
    let mut figures = Figures::default();
    let meter = Meter::start(0);
    let start = Instant::now();
    block_on(async {
        let mut window = FuturesUnordered::new();
        for _ in 0..jobs {
            if window.len() == IN_FLIGHT {
                window.next().await;
            }
            window.push(future::ready(()));
        }
        while window.next().await.is_some() {}
    });
    let total = start.elapsed();
    meter.stop(jobs, &mut figures);
    figures.set("total_ns", total.as_nanos() as f64 / jobs as f64);
    figures
}

/// Two threads wake each other in turn: two futex wakes a trip.
fn ping_pong(jobs: usize) -> Figures {
    let mut figures = Figures::default();
    let mut times = Vec::with_capacity(jobs);
    let [ping, pong, end] = [(); 3].map(|()| AtomicBool::new(false));
    let asker = thread::current();
    thread::scope(|scope| {
        let answerer = scope.spawn(|| {
            loop {
                wait_for(&ping);
                if end.load(Ordering::Relaxed) {
                    return;
                }
                tell(&pong, &asker);
            }
        });
        // The answerer passes for a pool's thread.
        let meter = Meter::start(0);
        for _ in 0..jobs {
            let start = Instant::now();
            tell(&ping, answerer.thread());
            wait_for(&pong);
            times.push(start.elapsed());
        }
        meter.stop(jobs, &mut figures);
        end.store(true, Ordering::Relaxed);
        tell(&ping, answerer.thread());
    });
    percentiles(times.iter().map(|time| time.as_nanos() as u64), &mut figures);
    figures
}

fn tell(flag: &AtomicBool, thread: &Thread) {
    flag.store(true, Ordering::Release);
    thread.unpark();
}

fn wait_for(flag: &AtomicBool) {
    while !flag.swap(false, Ordering::Acquire) {
        thread::park();
    }
}
