//! Time stamps for putting events of several threads in order.
//!
//! Contract: if a stamp was returned in one thread, and that thread then did something which another one saw before it asked for one, the first
//! stamp is not above the second. Stamps mean nothing else. After the machine slept they may begin anew.
//!
//! Where Linux itself keeps time by the processor's counter, it has found the counters of all processors to agree, and the counter is read
//! directly. Crates that do so (quanta, minstant, fastant) read it without a fence, so that it may be read before an earlier load is done: too early,
//! then, for the contract; and they calibrate it, which is not needed here.

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
    let base = *BASE.get_or_init(Instant::now);
    u64::try_from(base.elapsed().as_nanos()).unwrap_or(u64::MAX)
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
