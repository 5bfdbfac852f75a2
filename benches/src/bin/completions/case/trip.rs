//! One job at a time.

use super::{group, metered, metered_with_rings};
use crate::event_loop::{EventLoop, wait_for_one, watching};
use aside::Group;
use aside_benches::figures::Figures;
use futures::executor::block_on;
use hdrhistogram::Histogram;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{read, write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

pub(super) fn futures() -> Box<dyn FnMut(usize) -> Figures> {
    let group = group();
    Box::new(move |jobs| {
        let mut times = Times::new(jobs);
        let figures = metered(jobs, |_| times.each(jobs, || block_on(group.offload(|| ()))));
        times.add_to(figures)
    })
}

pub(super) fn callbacks(events: EventLoop, group: Group) -> Box<dyn FnMut(usize) -> Figures> {
    Box::new(move |jobs| {
        let mut times = Times::new(jobs);
        let figures = metered_with_rings(jobs, &events, |_| {
            times.each(jobs, || {
                group
                    .offload(|| ())
                    .on_done_in(&events.completions, |outcome| outcome.expect("the job does not fail"));
                events.run();
            });
        });
        times.add_to(figures)
    })
}

/// No jobs: a parked thread is woken and writes an eventfd that this thread waits for with epoll.
pub(super) fn limit() -> Box<dyn FnMut(usize) -> Figures> {
    let event = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).expect("a descriptor"));
    let epoll = watching(&event);
    let asked = Arc::new(AtomicBool::new(false));
    let answerer = thread::spawn({
        let (event, asked) = (event.clone(), asked.clone());
        move || loop {
            while !asked.swap(false, Ordering::Acquire) {
                thread::park();
            }
            write(&event, &1_u64.to_ne_bytes()).expect("takes it");
        }
    });
    Box::new(move |jobs| {
        let mut times = Times::new(jobs);
        let figures = metered(jobs, |_| {
            times.each(jobs, || {
                asked.store(true, Ordering::Release);
                answerer.thread().unpark();
                wait_for_one(&epoll);
                read(&event, &mut [0; 8]).expect("is set");
            });
        });
        times.add_to(figures)
    })
}

/// In ns.
struct Times(Vec<u64>);

impl Times {
    fn new(jobs: usize) -> Self {
        Self(Vec::with_capacity(jobs))
    }

    fn each(&mut self, jobs: usize, mut trip: impl FnMut()) {
        for _ in 0..jobs {
            let start = Instant::now();
            trip();
            self.0.push(start.elapsed().as_nanos() as u64);
        }
    }

    fn add_to(self, mut figures: Figures) -> Figures {
        let mut histogram = Histogram::<u64>::new(3).expect("three digits");
        for time in self.0 {
            histogram.record(time).expect("grows by itself");
        }
        for (key, quantile) in [("p50_us", 0.5), ("p99_us", 0.99)] {
            figures.set(key, histogram.value_at_quantile(quantile) as f64 / 1e3);
        }
        figures
    }
}
