//! A callback in `Completions` allocates nothing in the long run. A file of its own, as it counts what the whole process allocates.

mod util;

use aside::{Completions, Group};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use util::{hold_thread, watchdog};

struct CountingAllocator;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: as this function's caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as this function's caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// How many allocations a hundred callbacks make that capture so many words, without the jobs' own.
fn once<const WORDS: usize>(group: &Group, completions: &Completions, sum: &Rc<Cell<usize>>) -> usize {
    const JOBS: usize = 100;
    let held = hold_thread(group);
    let jobs: Vec<_> = (0..JOBS).map(|n| group.offload(move || n)).collect();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    for job in jobs {
        // The count of words includes this one.
        let (sum, filler) = (sum.clone(), [1_usize; WORDS]);
        job.on_done_in(completions, move |n| sum.set(sum.get() + n.unwrap() + filler.len()));
    }
    let adding = ALLOCATIONS.load(Ordering::SeqCst) - before;
    held.release();
    group.drain().wait();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    while completions.pending() > 0 {
        completions.dispatch();
    }
    adding + ALLOCATIONS.load(Ordering::SeqCst) - before
}

/// The least of several rounds: the test harness has threads that may allocate at any time.
fn allocations_of<const WORDS: usize>(
    group: &Group,
    completions: &Completions,
    sum: &Rc<Cell<usize>>,
) -> usize {
    (0..5).map(|_| once::<WORDS>(group, completions, sum)).min().unwrap()
}

#[test]
fn none_in_the_long_run() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(1).build().unwrap();
    let completions = Completions::new().unwrap();
    let sum = Rc::new(Cell::new(0));
    // The first round makes the slots.
    assert!(once::<0>(&group, &completions, &sum) > 0);
    assert_eq!(allocations_of::<0>(&group, &completions, &sum), 0);
    // With the `Rc`: 48 bytes.
    assert_eq!(allocations_of::<5>(&group, &completions, &sum), 0);
    assert_eq!(allocations_of::<20>(&group, &completions, &sum), 100, "one each, on the heap");
    assert_eq!(allocations_of::<5>(&group, &completions, &sum), 0);
}
