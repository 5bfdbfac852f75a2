//! Whose turn it is: the word that says whether somebody runs a lane's jobs, and the group's job that does.

use super::core::Core;
use crate::job::{Host, Job};
use crate::sync::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Nobody runs this lane's jobs, and nobody will come.
const IDLE: usize = 0;
/// Somebody is to come: with the turn on the group, or out of a wait.
const QUEUED: usize = 1;
/// A thread is at it.
const RUNNING: usize = 2;
const PLACES: usize = QUEUED | RUNNING;
/// The lane takes no more jobs.
const CLOSED: usize = 4;
/// A turn is queued on the group, or about to be. One at most. It may be stale: then somebody who waits for a job runs the
/// lane, or has run it. Set with `QUEUED`, and cleared when the turn arrives, used or not.
const TURN: usize = 8;

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

    pub(super) fn has_turn(self) -> bool {
        self.0 & TURN != 0
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

    /// From one place to another, where the bits of `mask` are as in `from`.
    fn step(&self, mask: usize, from: usize, to: usize) -> bool {
        let next = |now| (now & mask == from).then_some(now & !mask | to);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).is_ok()
    }

    /// `IDLE` → `QUEUED`, with no turn on its way: the caller is to queue one.
    pub(super) fn call(&self) -> bool {
        self.step(PLACES | TURN, IDLE, QUEUED | TURN)
    }

    /// `IDLE` → `QUEUED`, with a turn on its way already.
    pub(super) fn call_turn_on_its_way(&self) -> bool {
        self.step(PLACES | TURN, IDLE | TURN, QUEUED | TURN)
    }

    /// `QUEUED` → `RUNNING`, ahead of the turn: the caller is to run the jobs.
    pub(super) fn take_up(&self) -> bool {
        self.step(PLACES, QUEUED, RUNNING)
    }

    /// The turn is here. `QUEUED` → `RUNNING`, and then the caller is to run the jobs, or to cancel them.
    pub(super) fn arrive(&self) -> bool {
        let next = |now| {
            let to = if now & PLACES == QUEUED { RUNNING } else { now & PLACES };
            Some(now & !(PLACES | TURN) | to)
        };
        let before = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        before.is_ok_and(|before| before & PLACES == QUEUED)
    }

    /// `RUNNING` → `QUEUED`, by who runs, with no turn on its way: the caller is to queue one.
    pub(super) fn hand_over(&self) {
        self.step(PLACES, RUNNING, QUEUED | TURN);
    }

    /// `RUNNING` → `QUEUED`, by who runs, with a turn on its way already. False if it has arrived.
    pub(super) fn hand_over_to_turn_on_its_way(&self) -> bool {
        self.step(PLACES | TURN, RUNNING | TURN, QUEUED | TURN)
    }

    /// `RUNNING` → `IDLE`, by who runs.
    pub(super) fn end(&self) {
        self.step(PLACES, RUNNING, IDLE);
    }

    /// `IDLE` → `RUNNING`: the caller, who has just ended its turn, goes on; or clears up where no turn can come any more.
    pub(super) fn resume(&self) -> bool {
        self.step(PLACES, IDLE, RUNNING)
    }

    /// True for the one who closes it.
    pub(super) fn close(&self) -> bool {
        self.0.fetch_or(CLOSED, Ordering::SeqCst) & CLOSED == 0
    }
}

/// The right to run a lane's jobs, queued on the group. Dropped unused (the group was shut down) it cancels them.
pub(super) struct Turn<T: Send + 'static>(Option<Arc<Core<T>>>);

impl<T: Send + 'static> Turn<T> {
    pub(super) fn new(core: Arc<Core<T>>) -> Self {
        Self(Some(core))
    }
}

impl<T: Send + 'static> Job for Turn<T> {
    type Output = ();

    fn run(mut self, _: &dyn Host) {
        // Somebody who waited for one of the jobs may have run them: then there is nothing to do.
        if let Some(core) = self.0.take().filter(|core| core.turn().arrive()) {
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
        } else if core.turn().arrive() {
            core.cancel_queued();
        }
    }
}
