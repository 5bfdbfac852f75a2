//! Whose turn it is: the word that says whether somebody runs a lane's jobs, and the group's job that does.

use super::core::Core;
use crate::job::{Host, Job};
use crate::sync::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Nobody runs this lane's jobs, and nobody will come.
const IDLE: usize = 0;
/// A turn is queued on the group, or about to be.
const QUEUED: usize = 1;
/// A thread is at it.
const RUNNING: usize = 2;
const PLACES: usize = QUEUED | RUNNING;
/// The lane takes no more jobs.
const CLOSED: usize = 4;

/// Stands on the line that a submitter has just written, as the queue's sign.
pub(super) struct TurnState(AtomicUsize);

/// What one look at it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen(usize);

impl Seen {
    pub(super) fn is_idle(self) -> bool {
        self.0 & PLACES == IDLE
    }

    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }
}

impl TurnState {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(IDLE))
    }

    // All SeqCst: each is one half of a race of `README.md`, and there are two of them for each turn, not for each job.

    pub(super) fn load(&self) -> Seen {
        Seen(self.0.load(Ordering::SeqCst))
    }

    fn step(&self, from: usize, to: usize) -> bool {
        let mut now = self.0.load(Ordering::SeqCst);
        while now & PLACES == from {
            match self.0.compare_exchange_weak(now, now & !PLACES | to, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        false
    }

    /// `IDLE` → `QUEUED`: the caller is to queue a turn.
    pub(super) fn call(&self) -> bool {
        self.step(IDLE, QUEUED)
    }

    /// `QUEUED` → `RUNNING`: the caller is to run the jobs.
    pub(super) fn take_up(&self) -> bool {
        self.step(QUEUED, RUNNING)
    }

    /// `RUNNING` → `QUEUED`, by who runs: the caller is to queue a turn.
    pub(super) fn hand_over(&self) {
        self.step(RUNNING, QUEUED);
    }

    /// `RUNNING` → `IDLE`, by who runs.
    pub(super) fn end(&self) {
        self.step(RUNNING, IDLE);
    }

    /// `IDLE` → `RUNNING`: the caller, who has just ended its turn, goes on.
    pub(super) fn resume(&self) -> bool {
        self.step(IDLE, RUNNING)
    }

    /// True for the one who closes it.
    pub(super) fn close(&self) -> bool {
        self.0.fetch_or(CLOSED, Ordering::SeqCst) & CLOSED == 0
    }
}

/// The right to run a lane's jobs, queued on the group. Dropped unused (the group was shut down, or took no more jobs) it cancels them.
pub(super) struct Turn<T: Send + 'static>(Option<Arc<Core<T>>>);

impl<T: Send + 'static> Turn<T> {
    pub(super) fn new(core: Arc<Core<T>>) -> Self {
        Self(Some(core))
    }

    /// Nothing is cancelled.
    pub(super) fn forget(mut self) {
        self.0 = None;
    }
}

impl<T: Send + 'static> Job for Turn<T> {
    type Output = ();

    fn run(mut self, _: &dyn Host) {
        // Somebody who waited for one of the jobs may have taken this turn up: then there is nothing to do.
        if let Some(core) = self.0.take().filter(|core| core.turn().take_up()) {
            core.run(None);
        }
    }
}

impl<T: Send + 'static> Drop for Turn<T> {
    fn drop(&mut self) {
        let Some(core) = self.0.take() else { return };
        if core.is_orphaned() {
            // In a forked child. The value is the parent's, and so are the jobs.
            std::mem::forget(core);
        } else if core.turn().take_up() {
            core.cancel_queued();
        }
    }
}
