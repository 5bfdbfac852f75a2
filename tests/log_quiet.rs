//! What logging does not do: allocate, wake an awake drain, or keep the machine awake.
#![cfg(target_os = "linux")]

mod util;

use aside::log::Writer;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;
use util::process::{eventually, threads_named, voluntary_switches};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, as others would run beside it.
#[test]
fn logging_allocates_only_to_wake_and_idling_sleeps() {
    let _watchdog = util::watchdog();
    let (log, guard) = Writer::builder().capacity(1 << 20).sink(std::io::sink()).build().unwrap();
    log.write_record(b"the first one makes the ring\n").unwrap();
    let (allocations, wakes) = (ALLOCATIONS.get(), log.stats().wakes);
    for _ in 0..5_000 {
        log.write_record(&[b'x'; 100]).unwrap();
    }
    let (allocations, wakes) = (ALLOCATIONS.get() - allocations, log.stats().wakes - wakes);
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
