//! Blocks a plain thread until a waker is called.

use crate::deadline::Deadline;
use crate::sync::{AtomicBool, Ordering, Thread, current, park, park_timeout};
#[cfg(not(aside_loom))]
use std::cell::Cell;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

/// Polls that in a row may find the waker called already, before the thread pauses between them: a job whose group
/// has no thread asks to be polled again at once, for as long as the system refuses to start one.
const EAGER_POLLS: u32 = 16;
/// That pause.
const PAUSE: Duration = Duration::from_millis(1);

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

/// Calls `poll` until it is ready, parking this thread in between. `None` if the deadline passed first.
pub(super) fn block_on<T>(deadline: Deadline, mut poll: impl FnMut(&Waker) -> Poll<T>) -> Option<T> {
    let thread_waker = take_kept()
        .unwrap_or_else(|| Arc::new(ThreadWaker { woken: AtomicBool::new(false), thread: current() }));
    let waker = Waker::from(thread_waker.clone());
    let mut eager_polls = 0;
    let ready = loop {
        // Before the poll: a wake-up from here on is one that the poll may have missed.
        thread_waker.woken.store(false, Ordering::Relaxed);
        if let Poll::Ready(value) = poll(&waker) {
            break Some(value);
        }
        let mut parked = false;
        // Acquire: pairs with the release in `wake_by_ref`.
        while !thread_waker.woken.load(Ordering::Acquire) {
            match deadline.remaining() {
                None => park(),
                Some(left) if left.is_zero() => break,
                Some(left) => park_timeout(left),
            }
            parked = true;
        }
        if deadline.has_passed() && !thread_waker.woken.load(Ordering::Acquire) {
            break None;
        }
        eager_polls = if parked { 0 } else { eager_polls + 1 };
        if eager_polls > EAGER_POLLS {
            if deadline.has_passed() {
                break None;
            }
            park_timeout(PAUSE);
        }
    };
    drop(waker);
    keep(thread_waker);
    ready
}
