//! Tells a forked child from its parent.
//!
//! A child made by `fork` has a copy of every counter and of none of the threads, so a group copied into it would
//! wait for workers that do not exist, and its locks may be held by threads that are gone. Each group remembers the
//! generation it was made in; in a child the generation is another one.

use std::ptr::null_mut;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

static GENERATION: AtomicUsize = AtomicUsize::new(0);
static WATCH: Once = Once::new();

/// How many forks lie between the first process and this one. Cheap: one relaxed load.
#[inline]
pub(crate) fn generation() -> usize {
    // Relaxed: the child has one thread when the number changes, and that thread changed it.
    GENERATION.load(Ordering::Relaxed)
}

/// Starts counting forks. To be called before a generation is remembered; calls after the first cost one load.
///
/// Counts forks by `fork(3)`. A raw `clone` system call goes round the C library and cannot be seen.
pub(crate) fn watch() {
    WATCH.call_once(|| {
        #[cfg(unix)]
        {
            extern "C" fn in_child() {
                GENERATION.fetch_add(1, Ordering::Relaxed);
            }
            // SAFETY: the handler is a function with the right signature that lives as long as the program, and it
            // only adds to an atomic, which is async-signal-safe, as POSIX asks of what runs in the child.
            // Fails only with ENOMEM; forks then go unseen, which is what would be without this module.
            let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        }
    });
}

/// A value per process: what a parent set is not there in its forked child.
pub(crate) struct PerProcess<T: 'static>(AtomicPtr<Entry<T>>);

struct Entry<T> {
    generation: usize,
    value: T,
}

impl<T: Send + Sync> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// This process's value.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.current(self.0.load(Ordering::Acquire))
    }

    fn current(&self, entry: *mut Entry<T>) -> Option<&T> {
        // SAFETY: the slot holds null or the address of an entry that `set` made, which is freed by nothing but `take`, while nobody borrows `self`.
        // Acquire in the loads that feed this pairs with the release of the exchange there.
        let entry = unsafe { entry.as_ref() }?;
        (entry.generation == generation()).then_some(&entry.value)
    }

    /// This process's value, made if there is none. If several make one at a time, all but one are dropped.
    pub(crate) fn get_or_set(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let mut made = make();
        loop {
            match self.set(made) {
                Ok(value) => return value,
                Err(back) => match self.get() {
                    Some(value) => return value,
                    None => made = back,
                },
            }
        }
    }

    /// Sets this process's value. A parent's value is leaked: its locks may be held by threads that are gone.
    ///
    /// # Errors
    ///
    /// Gives the value back if there is one already.
    pub(crate) fn set(&self, value: T) -> Result<&T, T> {
        watch();
        let entry = Box::into_raw(Box::new(Entry { generation: generation(), value }));
        let mut now = self.0.load(Ordering::Acquire);
        while self.current(now).is_none() {
            // Release: publishes the entry; pairs with the acquire in `get`.
            match self.0.compare_exchange(now, entry, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: just made, and not freed while `self` is borrowed.
                Ok(_) => return Ok(unsafe { &(*entry).value }),
                Err(other) => now = other,
            }
        }
        // SAFETY: made above, and published to nobody.
        Err(unsafe { Box::from_raw(entry) }.value)
    }

    /// Takes this process's value out. A parent's stays, for good; so does any in a slot that is dropped.
    pub(crate) fn take(&mut self) -> Option<T> {
        let entry = *self.0.get_mut();
        self.current(entry)?;
        *self.0.get_mut() = null_mut();
        // SAFETY: made by `set`, and out of the slot now; nobody has a reference, as `self` is borrowed for this alone.
        Some(unsafe { Box::from_raw(entry) }.value)
    }
}
