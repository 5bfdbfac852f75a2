//! The processors: where a thread is, and whether there are enough.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The number of the processor that the calling thread is on at this moment; `None` where that cannot be told.
    pub(crate) fn current() -> Option<usize> {
        // SAFETY: takes nothing and returns a number, or -1.
        usize::try_from(unsafe { libc::sched_getcpu() }).ok()
    }

    /// Whether more threads of the whole system are runnable at this moment than it has processors. Costs some µs.
    pub(crate) fn are_scarce() -> bool {
        // proc_loadavg(5): "1-min 5-min 15-min runnable/total newest".
        let loads = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let runnable =
            loads.split(' ').nth(3).and_then(|threads| threads.split('/').next()?.parse::<usize>().ok());
        runnable.is_some_and(|runnable| runnable > count())
    }

    /// How many processors the system has, as its load is the system's, too.
    fn count() -> usize {
        // Not a `OnceLock`: a child forked while another thread filled that would wait for ever.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: a number and nothing else. Whoever finds none asks the system, perhaps several at a time.
        match COUNT.load(Ordering::Relaxed) {
            0 => {
                // SAFETY: takes and returns numbers.
                let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                COUNT.store(count, Ordering::Relaxed);
                count
            }
            count => count,
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod imp {
    pub(crate) fn current() -> Option<usize> {
        None
    }

    pub(crate) fn are_scarce() -> bool {
        false
    }
}

pub(crate) use imp::{are_scarce, current};
