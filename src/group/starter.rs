//! Starts threads, and holds back after the system refused one.

use crate::sync::{AtomicBool, Mutex, Ordering, lock};
use std::time::{Duration, Instant};

/// The pause after the first refusal; it doubles with each further one. A refusal costs about as much as a
/// successful start (tens of µs), so this keeps the retries of a starved group below a few percent of one core.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause: how late a group may notice that the limit is gone, if it is used at all.
const LAST_PAUSE: Duration = Duration::from_millis(250);

/// When the next thread may be started.
pub(super) struct Starter {
    /// Whether the last start failed; spares everybody else the lock.
    failing: AtomicBool,
    pause: Mutex<Option<Pause>>,
}

#[derive(Clone, Copy)]
struct Pause {
    length: Duration,
    until: Instant,
}

impl Starter {
    pub(super) fn new() -> Self {
        Self { failing: AtomicBool::new(false), pause: Mutex::new(None) }
    }

    /// Whether the system refused the last thread. Relaxed: a late answer costs one more or one less attempt.
    #[inline]
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Whether it is time for an attempt.
    pub(super) fn may_try(&self) -> bool {
        !self.is_failing() || lock(&self.pause).is_none_or(|pause| Instant::now() >= pause.until)
    }

    pub(super) fn succeeded(&self) {
        if self.is_failing() {
            *lock(&self.pause) = None;
            self.failing.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self) {
        let mut pause = lock(&self.pause);
        let length = pause.map_or(FIRST_PAUSE, |last| (last.length * 2).min(LAST_PAUSE));
        *pause = Some(Pause { length, until: Instant::now() + length });
        self.failing.store(true, Ordering::Relaxed);
    }
}
