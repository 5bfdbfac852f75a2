//! Cancelled jobs behind a stuck worker do not pile up: their memory is given back while the worker is stuck. A file
//! of its own, as it counts what the whole process allocates.

mod util;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use util::{expected_panic, hold_thread, hush, panic_of, single_thread_group, watchdog};

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

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        expected_panic("the destructor of a bomb");
    }
}

#[test]
fn cancelled_jobs_behind_a_stuck_worker_give_their_memory_back() {
    const JOBS: usize = 20_000;
    /// A cell takes more than this, so the bound below would be passed by a leak of one job in ten.
    const LEAST_CELL: usize = 64;
    const BOUND: usize = JOBS / 10 * LEAST_CELL;
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let before = ALLOCATED.load(Ordering::Relaxed);
    let kept = || ALLOCATED.load(Ordering::Relaxed).saturating_sub(before);

    for _ in 0..JOBS {
        drop(group.offload(|| ()));
    }
    assert!(kept() < BOUND, "{} bytes, when dropped one by one", kept());

    let offloads: Vec<_> = (0..JOBS).map(|_| group.offload(|| ())).collect();
    assert!(kept() > JOBS * LEAST_CELL, "{} bytes: the bound is too high to prove anything", kept());
    drop(offloads);
    assert!(kept() < BOUND, "{} bytes, when dropped all at once", kept());

    for _ in 0..JOBS {
        let bomb = Bomb;
        let offload = group.offload(move || drop(bomb));
        panic_of(|| drop(offload));
    }
    assert!(kept() < BOUND, "{} bytes, when the closures panic", kept());
    held.release();
}
