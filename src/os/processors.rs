//! The processors, and how much of their time this process uses.

use std::sync::OnceLock;
use std::time::Duration;

/// How many processors this process may use, with what the system says of its limits taken into account.
pub(crate) fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The processor time that all threads of this process have used. Costs a system call. Zero where that is not known, so that
/// a process seems to use none.
pub(crate) fn time_used() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::try_from(time).unwrap_or_default()
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

/// The processor that the calling thread is on at this moment, where that is cheap to know.
pub(crate) fn current() -> Option<usize> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return Some(rustix::thread::sched_getcpu());
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    None
}

/// Moves the calling thread off a processor, if it may run on another. It may come back later: only the scheduler's choice of
/// the moment is overruled.
pub(crate) fn leave(processor: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let Ok(allowed) = sched_getaffinity(None) else { return };
        if processor >= CpuSet::MAX_CPU || allowed.count() < 2 {
            return;
        }
        let mut others = allowed;
        others.unset(processor);
        if sched_setaffinity(None, &others).is_ok() {
            // The right to what was allowed a moment ago is not in doubt; should it fail all the same, the thread stays where it is.
            let _ = sched_setaffinity(None, &allowed);
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = processor;
}
