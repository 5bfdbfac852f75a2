//! Short times, by the processor's counter.
//!
//! [`begin`] and [`end`] are fenced as usual: what comes before `begin` is done when it reads the counter, what comes before `end` too,
//! and what comes after `end` has not begun. What they take themselves is in every time, and is never taken off: see [`own_ns`].
#![allow(unsafe_code)]

use crate::figures::Figures;
use hdrhistogram::Histogram;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn begin() -> u64 {
    // SAFETY: every x86-64 has both.
    unsafe {
        core::arch::x86_64::_mm_lfence();
        core::arch::x86_64::_rdtsc()
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn end() -> u64 {
    let mut processor = 0;
    // SAFETY: every x86-64 of the last fifteen years has both.
    unsafe {
        let ticks = core::arch::x86_64::__rdtscp(&raw mut processor);
        core::arch::x86_64::_mm_lfence();
        ticks
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub fn begin() -> u64 {
    static BASE: OnceLock<Instant> = OnceLock::new();
    BASE.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

#[cfg(not(target_arch = "x86_64"))]
pub fn end() -> u64 {
    begin()
}

/// How many nanoseconds a tick is.
pub fn ns_per_tick() -> f64 {
    static SCALE: OnceLock<f64> = OnceLock::new();
    *SCALE.get_or_init(|| {
        let (time, ticks) = (Instant::now(), begin());
        while time.elapsed() < Duration::from_millis(5) {}
        let (ticks, time) = (end() - ticks, time.elapsed());
        time.as_nanos() as f64 / ticks as f64
    })
}

/// The time from `begin` to `end` with nothing in between: the median, in ns.
pub fn own_ns() -> f64 {
    let mut times = Times::with_room_for(10_000);
    for _ in 0..10_000 {
        times.time(|| ());
    }
    times.quantile_ns(0.5)
}

/// Spins until that reading of the counter. Without the processor's pause: a virtual machine may lose its processor at many of those.
#[inline(always)]
pub fn spin_until(ticks: u64) {
    while begin() < ticks {}
}

pub fn of_ns(ns: u64) -> u64 {
    (ns as f64 / ns_per_tick()) as u64
}

/// The times of many calls.
pub struct Times(Vec<u32>);

impl Times {
    /// The memory is there already, so that to keep a time costs next to nothing.
    pub fn with_room_for(calls: usize) -> Self {
        ns_per_tick();
        let mut ticks = vec![1; calls];
        ticks.clear();
        Self(ticks)
    }

    #[inline(always)]
    pub fn time<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let begun = begin();
        let result = call();
        let ticks = end() - begun;
        self.add(ticks);
        result
    }

    #[inline(always)]
    pub fn add(&mut self, ticks: u64) {
        self.0.push(u32::try_from(ticks).unwrap_or(u32::MAX));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    fn histogram(&self) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("three digits");
        for &ticks in &self.0 {
            histogram.record(ticks.into()).expect("grows by itself");
        }
        histogram
    }

    pub fn quantile_ns(&self, quantile: f64) -> f64 {
        self.histogram().value_at_quantile(quantile) as f64 * ns_per_tick()
    }

    /// In ns, under keys that begin so.
    pub fn tell(&self, prefix: &str, figures: &mut Figures) {
        let histogram = self.histogram();
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            let ns = histogram.value_at_quantile(quantile) as f64 * ns_per_tick();
            figures.set(&format!("{prefix}{name}"), ns);
        }
    }
}
