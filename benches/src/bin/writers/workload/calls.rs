use super::paced;
use crate::writer::{Handle, Logger};
use aside_benches::alloc;
use aside_benches::figures::Figures;
use aside_benches::record::Record;
use aside_benches::syscalls::Counter;
use std::thread;
use std::time::Duration;

/// Whoever writes in the background sleeps by then.
const PAUSE: Duration = Duration::from_millis(5);
const PAUSES: usize = 100;
const WARM_UP: usize = 5_000;

/// What the logging thread asks of the system and of the allocator: at an even pace, so that nobody sleeps, and after pauses.
pub(super) fn run<L: Logger>(logger: L, records: usize) -> Figures {
    let mut figures = Figures::default();
    let mut handle = logger.handle();
    paced::log(WARM_UP, |record| handle.log(record));
    alloc::count_from_now(true);
    let counter = Counter::new();
    let mut counted = |record: &[u8]| {
        let before = alloc::allocations_of_this_thread();
        let calls = match &counter {
            Some(counter) => counter.count(|| handle.log(record)).1,
            None => {
                handle.log(record);
                0
            }
        };
        (calls as f64, (alloc::allocations_of_this_thread() - before) as f64)
    };
    let (mut calls, mut allocations) = (0.0, 0.0);
    let wakes = logger.wakes();
    paced::log(records, |record| {
        let (more_calls, more_allocations) = counted(record);
        calls += more_calls;
        allocations += more_allocations;
    });
    let woken = logger.wakes();
    let (mut most_calls, mut most_allocations) = (0.0_f64, 0.0_f64);
    let mut record = Record::blank();
    for number in 0..PAUSES {
        thread::sleep(PAUSE);
        let (calls, allocations) = counted(record.numbered(number as u64));
        most_calls = most_calls.max(calls);
        most_allocations = most_allocations.max(allocations);
    }
    let woken_again = logger.wakes();
    if counter.is_some() {
        figures.set("calls", calls / records as f64);
        figures.set("parked_calls", most_calls);
    }
    drop(counter);
    alloc::count_from_now(false);
    figures.set("allocations", allocations / records as f64);
    figures.set("parked_allocations", most_allocations);
    if let (Some(before), Some(awake), Some(after)) = (wakes, woken, woken_again) {
        figures.set("wakes", (awake - before) as f64);
        figures.set("parked_wakes", (after - awake) as f64 / PAUSES as f64);
    }
    drop(handle);
    logger.finish();
    figures.set("logged", (WARM_UP + records + PAUSES) as f64);
    figures
}
