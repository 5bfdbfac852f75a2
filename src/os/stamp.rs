//! Time stamps for putting events of several threads in order.
//!
//! Contract: if a stamp was returned in one thread, and that thread then did something which another one saw before it asked for one, the first
//! stamp is not above the second. One thread's are never equal, and never 0. Stamps mean nothing else. After the machine slept they may begin anew.
//!
//! Where Linux itself keeps time by the processor's counter, it has found the counters of all processors to agree, and the counter is read
//! directly. Crates that do so (quanta, minstant, fastant) read it without a fence, so that it may be read before an earlier load is done: too early,
//! then, for the contract; and they calibrate it, which is not needed here.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::OnceLock;
use std::time::Instant;

/// Where stamps come from, in this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamps {
    counter: bool,
}

impl Stamps {
    pub(crate) fn new() -> Self {
        Self { counter: is_counter_kept() }
    }

    /// A stamp from the processor's counter; `None` where they all come from the [`clock`].
    #[inline(always)]
    pub(crate) fn now(self) -> Option<u64> {
        self.counter.then(counter)
    }
}

/// Nanoseconds on the monotonic clock, which is one for all processors.
#[inline(never)]
pub(crate) fn clock() -> u64 {
    static BASE: OnceLock<Instant> = OnceLock::new();
    thread_local! {
        static LATEST: Cell<u64> = const { Cell::new(0) };
    }
    let base = *BASE.get_or_init(Instant::now);
    LATEST.with(|latest| after(latest, || u64::try_from(base.elapsed().as_nanos()).unwrap_or(u64::MAX)))
}

/// Another one than the latest. Some systems' clocks move by 100 ns at a time, in which a thread may log twice.
fn after(latest: &Cell<u64>, mut read: impl FnMut() -> u64) -> u64 {
    loop {
        let now = read();
        if latest.replace(now) != now {
            return now;
        }
        spin_loop();
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(any(aside_loom, miri))))]
fn is_counter_kept() -> bool {
    let source = std::fs::read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    source.is_ok_and(|name| name.trim_ascii() == b"tsc")
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(any(aside_loom, miri))))]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: both instructions are there on every x86-64. The fence has all earlier loads done before the counter is read.
    unsafe {
        core::arch::x86_64::_mm_lfence();
        core::arch::x86_64::_rdtsc()
    }
}

#[cfg(not(any(all(target_arch = "x86_64", target_os = "linux", not(miri)), aside_loom)))]
fn is_counter_kept() -> bool {
    false
}

#[cfg(not(any(all(target_arch = "x86_64", target_os = "linux", not(miri)), aside_loom)))]
#[inline(always)]
fn counter() -> u64 {
    clock()
}

#[cfg(aside_loom)]
fn is_counter_kept() -> bool {
    true
}

/// The counter for models, whose time is the order in which this is called: what was done before one call is seen after a later one, as by processors
/// whose counters agree.
#[cfg(aside_loom)]
fn counter() -> u64 {
    use crate::sync::{AtomicU64, Ordering};
    loom::lazy_static! {
        static ref TICKS: AtomicU64 = AtomicU64::new(1);
    }
    TICKS.fetch_add(1, Ordering::AcqRel)
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;

    /// Of a clock that is looked at several times before it moves, and stands at 0 at first.
    #[test]
    fn stamps_of_one_thread_differ_by_any_clock() {
        let mut looks = 0;
        let mut read = || {
            looks += 1;
            looks / 5
        };
        let latest = Cell::new(0);
        assert_eq!([(); 4].map(|()| after(&latest, &mut read)), [1, 2, 3, 4]);
    }

    #[test]
    fn stamps_of_the_systems_clock_grow() {
        let stamps = [(); 1_000].map(|()| clock());
        assert!(stamps[0] > 0 && stamps.is_sorted_by(|one, next| one < next));
    }
}
