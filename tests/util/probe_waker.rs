//! A waker that counts what is done to it, and panics where it is told to.

use super::expected_panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What was done to the wakers of one [`ProbeWaker`].
#[derive(Default)]
pub struct ProbeWaker {
    wakes: AtomicUsize,
    clones: AtomicUsize,
    drops: AtomicUsize,
    clone_panics: AtomicBool,
    wake_panics: AtomicBool,
    drop_panics: AtomicBool,
}

impl ProbeWaker {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A waker, not counted as a clone. Its drop is not counted either: use it by reference.
    pub fn waker(self: &Arc<Self>) -> std::mem::ManuallyDrop<Waker> {
        // SAFETY: the vtable below keeps the contract of `RawWaker`; the data is a strong count of the arc. As the waker
        // is never dropped, that count is leaked, which lets the test read the numbers in peace.
        std::mem::ManuallyDrop::new(unsafe { Waker::from_raw(raw(self.clone())) })
    }

    pub fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }

    pub fn clones(&self) -> usize {
        self.clones.load(Ordering::SeqCst)
    }

    pub fn drops(&self) -> usize {
        self.drops.load(Ordering::SeqCst)
    }

    pub fn panic_when_cloned(&self, panics: bool) {
        self.clone_panics.store(panics, Ordering::SeqCst);
    }

    pub fn panic_when_woken(&self, panics: bool) {
        self.wake_panics.store(panics, Ordering::SeqCst);
    }

    pub fn panic_when_dropped(&self, panics: bool) {
        self.drop_panics.store(panics, Ordering::SeqCst);
    }

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

fn raw(probe: Arc<ProbeWaker>) -> RawWaker {
    RawWaker::new(Arc::into_raw(probe).cast(), &VTABLE)
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

unsafe fn clone(data: *const ()) -> RawWaker {
    let probe: *const ProbeWaker = data.cast();
    // SAFETY: the data of a live waker is a strong count of the arc.
    unsafe {
        (*probe).cloned();
        Arc::increment_strong_count(probe);
        raw(Arc::from_raw(probe))
    }
}

unsafe fn wake(data: *const ()) {
    // SAFETY: as in `clone`; the count is this call's to end.
    let probe = unsafe { Arc::from_raw(data.cast::<ProbeWaker>()) };
    probe.drops.fetch_add(1, Ordering::SeqCst);
    probe.woken();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: as in `clone`.
    unsafe { &*data.cast::<ProbeWaker>() }.woken();
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: as in `clone`; the count is this call's to end.
    let probe = unsafe { Arc::from_raw(data.cast::<ProbeWaker>()) };
    probe.dropped();
}
