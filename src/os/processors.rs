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
