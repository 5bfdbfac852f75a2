//! The group as one of its jobs sees it. Keeps this floor free of the one above.

use std::sync::Arc;

/// How a job left the queue other than by a worker's hand. Its entry is dead from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Its handle cancelled it.
    Cancelled,
    /// Its group refused it at the last moment, and the submitter took the closure back.
    Refused,
    /// A waiting offload thread runs it itself; [`Host::ran_by_waiter`] follows.
    Taken,
}

/// What the owner of a queue does for its jobs.
pub(crate) trait Host: Send + Sync {
    /// A job of this host has just left the queue, leaving a dead entry.
    fn departed(&self, how: Departure);

    /// A job that departed as [`Departure::Taken`] has run.
    fn ran_by_waiter(&self, panicked: bool);

    /// Whether the calling thread is one of this host's own.
    fn is_current_thread(&self) -> bool;

    /// Whether a job just queued may well be done in no time: a thread is awake for it, and no other job is before it.
    fn answers_soon(&self) -> bool;

    /// An awaiter has spun in vain for a job that was to be done soon.
    fn awaiter_spun_in_vain(&self);

    /// Looks after a queue that may have nobody to run it (after a failed thread spawn). False if there still is
    /// no thread at all, so that the caller should ask again.
    fn nudge(&self) -> bool;

    /// Whether this is a forked child's copy of a host, which has no threads and never will.
    fn is_orphaned(&self) -> bool;

    /// Queues a further piece of work on behalf of a job. Gives it back if the host takes no more.
    fn run_later(self: Arc<Self>, work: Box<dyn FnOnce() + Send>) -> Result<(), Box<dyn FnOnce() + Send>>;
}
