//! The processors, and how much of their time this process uses.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many processors this process may use, with what the system says of its limits taken into account.
pub(crate) fn count() -> usize {
    // Not a `OnceLock`: a child forked while another thread filled that would wait for ever.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: a number and nothing else. Whoever finds none asks the system, perhaps several at a time.
    match COUNT.load(Ordering::Relaxed) {
        0 => {
            let count = std::thread::available_parallelism().map_or(1, usize::from);
            COUNT.store(count, Ordering::Relaxed);
            count
        }
        count => count,
    }
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
