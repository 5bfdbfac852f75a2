//! Cancelled jobs of a lane that is stuck do not pile up: their memory is given back meanwhile. A file of its own, as it
//! counts what the whole process allocates.

mod util;

use aside::Lane;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use util::{Gate, hush, panic_of, single_thread_group, watchdog};

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

/// One test: another beside it would be counted too.
#[test]
fn cancelled_jobs_of_a_stuck_lane_give_their_memory_back() {
    const JOBS: usize = 1_000_000;
    const FEW: usize = 20_000;
    /// Some cells' worth: one in ten of the few would be more.
    const BOUND: usize = FEW / 10 * 64;
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let lane = Lane::builder().group(&group).queue_limit(FEW).build(0_u64);
    let (gate, drops) = (Gate::new(), util::DropCounter::new());
    let (start, started) = mpsc::channel();
    lane.offload({
        let gate = gate.clone();
        move |_| {
            start.send(()).unwrap();
            gate.pass();
        }
    })
    .detach();
    started.recv().unwrap();
    let before = ALLOCATED.load(Ordering::Relaxed);
    let kept = || ALLOCATED.load(Ordering::Relaxed).saturating_sub(before);

    for _ in 0..JOBS {
        drop(lane.offload(|n| *n += 1));
    }
    assert!(kept() < BOUND, "{} bytes, when dropped one by one", kept());
    assert_eq!(lane.queued(), 0);

    for _ in 0..JOBS / FEW {
        let jobs: Vec<_> = (0..FEW).map(|_| lane.try_offload(|n| *n += 1).unwrap()).collect();
        assert!(lane.try_offload(|n| *n += 1).unwrap_err().is_full());
        assert_eq!(lane.queued(), FEW);
        drop(jobs);
    }
    assert!(kept() < BOUND, "{} bytes, when dropped many at once", kept());

    for _ in 0..FEW {
        drop(lane.drain());
    }
    assert!(kept() < BOUND, "{} bytes, of drains that nobody waited for", kept());

    for _ in 0..1_000 {
        let bomb = drops.bomb();
        let job = lane.offload(move |_| drop(bomb));
        panic_of(|| drop(job));
    }
    assert_eq!(drops.count(), 1_000);
    gate.open();
    assert_eq!(lane.into_inner().wait(), Some(0));
}
