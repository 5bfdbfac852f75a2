//! Counts allocations, of every pool alike.
//!
//! Off while times are measured: then it costs a load of a flag that nobody writes. On, all threads share two counters, which
//! costs far more than the allocations themselves.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

static ON: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

thread_local! {
    /// Without a destructor, so that it can be counted in at any time.
    static BY_THIS_THREAD: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Counting;

// SAFETY: hands every call on to `System` as it is.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller keeps to the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[inline]
fn count(allocations: u64, bytes: i64) {
    if ON.load(Relaxed) {
        count_now(allocations, bytes);
    }
}

#[cold]
fn count_now(allocations: u64, bytes: i64) {
    ALLOCATIONS.fetch_add(allocations, Relaxed);
    BY_THIS_THREAD.set(BY_THIS_THREAD.get() + allocations);
    LIVE_BYTES.fetch_add(bytes, Relaxed);
}

pub fn count_from_now(on: bool) {
    ON.store(on, Relaxed);
}

/// How many allocations there were while counting was on.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Relaxed)
}

/// The same, of the calling thread.
pub fn allocations_of_this_thread() -> u64 {
    BY_THIS_THREAD.get()
}

/// Bytes asked for less bytes given back while counting was on; without what the allocator itself adds.
pub fn live_bytes() -> i64 {
    LIVE_BYTES.load(Relaxed)
}
