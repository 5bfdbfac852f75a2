//! Whether there are processors enough.

/// Whether more threads of the whole system are runnable at this moment than there are processors. False where that cannot be
/// told. Costs some µs.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn are_scarce() -> bool {
    // proc_loadavg(5): "1-min 5-min 15-min runnable/total newest".
    let loads = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let runnable =
        loads.split(' ').nth(3).and_then(|threads| threads.split('/').next()?.parse::<usize>().ok());
    runnable.is_some_and(|runnable| runnable > count())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn are_scarce() -> bool {
    false
}

/// How many processors this process may use, with what the system says of its limits taken into account.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn count() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
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
