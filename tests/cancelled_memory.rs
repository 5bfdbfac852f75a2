//! Cancelled jobs behind a stuck worker do not pile up: their memory is given back while the worker is stuck. A file
//! of its own, as it counts what the whole process allocates.

mod util;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use util::{hold_thread, single_thread_group, watchdog};

struct CountingAllocator;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as this function's caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as this function's caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn cancelled_jobs_behind_a_stuck_worker_give_their_memory_back() {
    const JOBS: usize = 100_000;
    /// A cell takes more than this, so the bound below would be passed by a leak of one job in ten.
    const LEAST_CELL: usize = 64;
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let before = ALLOCATED.load(Ordering::Relaxed);
    for _ in 0..JOBS {
        drop(group.offload(|| ()));
    }
    let one_by_one = ALLOCATED.load(Ordering::Relaxed).saturating_sub(before);
    assert!(one_by_one < JOBS / 10 * LEAST_CELL, "{one_by_one} bytes are kept");

    let offloads: Vec<_> = (0..JOBS).map(|_| group.offload(|| ())).collect();
    let full = ALLOCATED.load(Ordering::Relaxed).saturating_sub(before);
    assert!(full > JOBS * LEAST_CELL, "{full} bytes: the bound is too high to prove anything");
    drop(offloads);
    let all_at_once = ALLOCATED.load(Ordering::Relaxed).saturating_sub(before);
    assert!(all_at_once < JOBS / 10 * LEAST_CELL, "{all_at_once} bytes are kept");
    held.release();
}
