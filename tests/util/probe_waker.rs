//! A waker that counts what is done to it, and panics where it is told to.

use super::expected_panic;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// A waker and the record of what was done to it and to its clones.
pub struct ProbeWaker {
    record: Arc<Record>,
    /// The one that is cloned. Not dropped as a waker, so that a drop is always one of a clone.
    original: ManuallyDrop<Waker>,
}

#[derive(Default)]
struct Record {
    wakes: AtomicUsize,
    clones: AtomicUsize,
    drops: AtomicUsize,
    clone_panics: AtomicBool,
    wake_panics: AtomicBool,
    drop_panics: AtomicBool,
}

impl ProbeWaker {
    pub fn new() -> Self {
        let record = Arc::<Record>::default();
        // SAFETY: the vtable below keeps the contract of `RawWaker`; the data is a strong count of the arc.
        let original = ManuallyDrop::new(unsafe { Waker::from_raw(raw(record.clone())) });
        Self { record, original }
    }

    pub fn waker(&self) -> &Waker {
        &self.original
    }

    pub fn wakes(&self) -> usize {
        self.record.wakes.load(Ordering::SeqCst)
    }

    pub fn clones(&self) -> usize {
        self.record.clones.load(Ordering::SeqCst)
    }

    pub fn drops(&self) -> usize {
        self.record.drops.load(Ordering::SeqCst)
    }

    pub fn panic_when_cloned(&self, panics: bool) {
        self.record.clone_panics.store(panics, Ordering::SeqCst);
    }

    pub fn panic_when_woken(&self, panics: bool) {
        self.record.wake_panics.store(panics, Ordering::SeqCst);
    }

    pub fn panic_when_dropped(&self, panics: bool) {
        self.record.drop_panics.store(panics, Ordering::SeqCst);
    }
}

impl Drop for ProbeWaker {
    fn drop(&mut self) {
        // SAFETY: the strong count that the original holds, which is not used again.
        drop(unsafe { Arc::from_raw(self.original.data().cast::<Record>()) });
    }
}

impl Record {
    fn cloned(&self) {
        if self.clone_panics.load(Ordering::SeqCst) {
            expected_panic("the clone of a waker");
        }
        self.clones.fetch_add(1, Ordering::SeqCst);
    }

    fn woken(&self) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        if self.wake_panics.load(Ordering::SeqCst) {
            expected_panic("the wake of a waker");
        }
    }

    fn dropped(&self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        if self.drop_panics.load(Ordering::SeqCst) {
            expected_panic("the destructor of a waker");
        }
    }
}

fn raw(record: Arc<Record>) -> RawWaker {
    RawWaker::new(Arc::into_raw(record).cast(), &VTABLE)
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

unsafe fn clone(data: *const ()) -> RawWaker {
    let record: *const Record = data.cast();
    // SAFETY: the data of a live waker is a strong count of the arc.
    unsafe {
        (*record).cloned();
        Arc::increment_strong_count(record);
        raw(Arc::from_raw(record))
    }
}

unsafe fn wake(data: *const ()) {
    // SAFETY: as in `clone`; the count is this call's to end.
    let record = unsafe { Arc::from_raw(data.cast::<Record>()) };
    record.drops.fetch_add(1, Ordering::SeqCst);
    record.woken();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: as in `clone`.
    unsafe { &*data.cast::<Record>() }.woken();
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: as in `clone`; the count is this call's to end.
    let record = unsafe { Arc::from_raw(data.cast::<Record>()) };
    record.dropped();
}
