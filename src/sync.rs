//! One face over `std` and over the model checker: the atomics, cells and locks that a protocol of this crate
//! stands on come from here, so that loom sees each of their steps.

#[cfg(not(aside_loom))]
mod imp {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread::{self, Thread, current, park, park_timeout, yield_now};

    /// A cell whose accesses go through closures, so that loom can watch them.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(aside_loom)]
mod imp {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use loom::thread::{self, Thread, current, park, yield_now};

    /// Loom has no clock. A timed park that returns at once is one that timed out.
    pub(crate) fn park_timeout(_: std::time::Duration) {
        yield_now();
    }
}

pub(crate) use imp::*;

/// To stand between the two halves of a race of `SeqCst` accesses: loom takes those for acquire and release, and knows
/// `SeqCst` fences only. Outside of loom, nothing.
#[inline(always)]
pub(crate) fn loom_fence() {
    #[cfg(aside_loom)]
    fence(Ordering::SeqCst);
}

/// Locks, and carries on where a panic poisoned the lock: no lock of this crate is held while foreign code runs,
/// so what it guards is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What a lock guards, for its owner: it is not locked.
pub(crate) fn get_mut<T>(mutex: &mut Mutex<T>) -> &mut T {
    mutex.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs a model under every interleaving with at most two preemptions.
#[cfg(all(test, aside_loom))]
pub(crate) fn check(model: impl Fn() + Sync + Send + 'static) {
    check_bounded(2, model);
}

/// Runs a model under every interleaving with at most so many preemptions, or as many as `LOOM_MAX_PREEMPTIONS` says.
#[cfg(all(test, aside_loom))]
pub(crate) fn check_bounded(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 50_000;
    builder.check(model);
}

/// How often a waker was called, for tests and models.
#[cfg(test)]
pub(crate) struct CountingWaker(pub(crate) AtomicUsize);

#[cfg(test)]
impl std::task::Wake for CountingWaker {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
pub(crate) fn counting_waker() -> (std::sync::Arc<CountingWaker>, std::task::Waker) {
    let counting = std::sync::Arc::new(CountingWaker(AtomicUsize::new(0)));
    (counting.clone(), counting.into())
}
