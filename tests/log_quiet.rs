//! What logging does not do: allocate, wake an awake drain, or keep the machine awake.
#![cfg(target_os = "linux")]

mod util;

use aside::log::Writer;
use std::time::Duration;
use util::allocations::{Counting, allocations};
use util::process::{eventually, threads_named, voluntary_switches};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, as others would run beside it.
#[test]
fn logging_allocates_only_to_wake_and_idling_sleeps() {
    let _watchdog = util::watchdog();
    let (log, guard) = Writer::builder().capacity(1 << 20).sink(std::io::sink()).build().unwrap();
    log.write_record(b"the first one makes the ring\n").unwrap();
    let (before, wakes) = (allocations(), log.stats().wakes);
    for _ in 0..5_000 {
        log.write_record(&[b'x'; 100]).unwrap();
    }
    let (allocations, wakes) = (allocations() - before, log.stats().wakes - wakes);
    // A job each.
    assert!(allocations <= wakes, "{allocations} allocations for {wakes} wakes");
    assert!(wakes <= 100, "{wakes}");

    let drain = threads_named("aside-log")[0];
    eventually("it sleeps", || {
        let before = voluntary_switches(drain);
        std::thread::sleep(Duration::from_millis(100));
        voluntary_switches(drain) == before
    });
    let before = voluntary_switches(drain);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(voluntary_switches(drain), before, "an idle writer woke up");
    assert_eq!(guard.close(Duration::from_secs(10)).written, 5_001);
}
