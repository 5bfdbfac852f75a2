//! Blocks a plain thread until a waker is called.

use super::host::Care;
use crate::deadline::Deadline;
use crate::sync::{AtomicBool, Ordering, Thread, current, park, park_timeout};
#[cfg(not(aside_loom))]
use std::cell::Cell;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

/// Between two looks at a group that the system refused a thread.
const PAUSE: Duration = Duration::from_millis(1);

/// What a poll of [`block_on`] found.
pub(crate) enum Wait<T> {
    /// It is there.
    Over(T),
    /// The waker will be called.
    UntilWoken,
    /// The waker may be called, but the poll had better be repeated after a while.
    AWhile,
}

impl<T> Wait<T> {
    pub(crate) fn on(care: Care) -> Self {
        match care {
            Care::Fine => Wait::UntilWoken,
            Care::Short | Care::None => Wait::AWhile,
        }
    }
}

struct ThreadWaker {
    woken: AtomicBool,
    thread: Thread,
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: pairs with the acquire in `block_on`, so that what the waker was called for is seen.
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(not(aside_loom))]
thread_local! {
    /// Kept for the next wait of this thread. Empty while one is under way: a wait inside a wait (in the destructor
    /// of some waker, say) must not swallow the outer one's wake-up.
    static KEPT: Cell<Option<Arc<ThreadWaker>>> = const { Cell::new(None) };
}

fn take_kept() -> Option<Arc<ThreadWaker>> {
    #[cfg(not(aside_loom))]
    // Gone while the thread's destructors run: then a wait makes its own.
    return KEPT.try_with(Cell::take).ok().flatten();
    #[cfg(aside_loom)]
    None
}

fn keep(_waker: Arc<ThreadWaker>) {
    #[cfg(not(aside_loom))]
    let _ = KEPT.try_with(|kept| kept.set(Some(_waker)));
}

/// Calls `poll` until it is over, parking this thread in between. `None` if the deadline passed first.
pub(crate) fn block_on<T>(deadline: Deadline, mut poll: impl FnMut(&Waker) -> Wait<T>) -> Option<T> {
    let thread_waker = take_kept()
        .unwrap_or_else(|| Arc::new(ThreadWaker { woken: AtomicBool::new(false), thread: current() }));
    let waker = Waker::from(thread_waker.clone());
    let result = loop {
        // A wake-up from here on is one that the poll may have missed. A swap, not a store: a store could sink below the
        // poll's loads and wipe out a wake-up that came after them. Acquire: a wake-up that is taken here was for something
        // that the poll then sees; pairs with the release in `wake_by_ref`.
        thread_waker.woken.swap(false, Ordering::Acquire);
        let until = match poll(&waker) {
            Wait::Over(value) => break Some(value),
            Wait::UntilWoken => deadline,
            Wait::AWhile => deadline.min(PAUSE.into()),
        };
        // Acquire: pairs with the release in `wake_by_ref`.
        while !thread_waker.woken.load(Ordering::Acquire) {
            match until.remaining() {
                None => park(),
                Some(left) if left.is_zero() => break,
                Some(left) => park_timeout(left),
            }
        }
        if deadline.has_passed() && !thread_waker.woken.load(Ordering::Acquire) {
            break None;
        }
    };
    drop(waker);
    keep(thread_waker);
    result
}
