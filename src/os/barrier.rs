//! A barrier between a thread that passes often and one that passes seldom, where the seldom one pays.
//!
//! Contract: of "store, then `light`, then load" in one thread and "store, then `heavy`, then load" in another, on the same two words crosswise,
//! at least one load sees the other's store, if `heavy` said true.

use crate::sync::{Ordering, fence};
use std::sync::atomic::compiler_fence;

/// How this process does it. The same value must be used on both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Barrier {
    /// The kernel has every thread of the process that runs pass a barrier, when asked: then the light side needs none.
    expedited: bool,
}

impl Barrier {
    /// Asks the kernel, once for each forked child too.
    pub(crate) fn new() -> Self {
        Self { expedited: register() }
    }

    /// Whether nothing but the compiler has to be kept from exchanging store and load on the frequent side.
    pub(crate) fn is_light_free(self) -> bool {
        self.expedited
    }

    /// The frequent side: keeps the compiler from exchanging store and load, and the processor too where the heavy side cannot.
    #[inline(always)]
    pub(crate) fn light(self) {
        if self.expedited { compiler_fence(Ordering::SeqCst) } else { fence(Ordering::SeqCst) }
    }

    /// The seldom side. False if the kernel refused what it has promised: then nothing was ordered.
    pub(crate) fn heavy(self) -> bool {
        fence(Ordering::SeqCst);
        !self.expedited || issue()
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(aside_loom)))]
fn register() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier};
    membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok() && issue()
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(aside_loom)))]
fn issue() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier};
    membarrier(MembarrierCommand::PrivateExpedited).is_ok()
}

#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(aside_loom))))]
fn register() -> bool {
    false
}

#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(aside_loom))))]
fn issue() -> bool {
    false
}
