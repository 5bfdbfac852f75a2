//! The group as one of its jobs sees it. Keeps this floor free of the one above.

use std::any::Any;
use std::sync::Arc;

/// How a job left the queue other than by a worker's hand. Its entry is dead from then on. A [`Settlement`] follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Its handle cancelled it.
    Cancelled,
    /// Its group refused it at the last moment, and the submitter took the closure back.
    Refused,
    /// A waiting offload thread runs it itself.
    Taken,
}

/// How a job that departed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    Cancelled,
    Refused,
    Ran { panicked: bool },
}

/// How well a queue is looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Somebody will come.
    Fine,
    /// All threads are inside jobs, and another one was refused. Who can come back after a while should.
    Short,
    /// There is no thread at all: only coming back can help.
    None,
}

/// What the owner of a queue does for its jobs.
pub(crate) trait Host: Send + Sync {
    /// A job of this host has just left the queue, leaving a dead entry and, if it had one, its place.
    fn departed(&self, how: Departure, had_place: bool);

    /// A job that departed is done with: its closure is dropped or given back, or has run.
    fn settled(&self, how: Settlement);

    /// Whether the calling thread is one of this host's own.
    fn is_current_thread(&self) -> bool;

    /// By how much to count the time that an awaiter spins in vain (see `patience.rs`); `None` if it is not to spin at all.
    fn spin_weight(&self) -> Option<u32>;

    /// Whether the system refused a thread lately, so that [`nudge`](Self::nudge) may be of use.
    fn is_short(&self) -> bool;

    /// Looks after a queue that may have nobody to run it, as the system refused a thread.
    fn nudge(&self) -> Care;

    /// Whether this is a forked child's copy of a host, which has no threads and never will.
    fn is_orphaned(&self) -> bool;

    /// Queues a further piece of work on behalf of a job. Gives it back if the host takes no more.
    fn run_later(self: Arc<Self>, work: Box<dyn FnOnce() + Send>) -> Result<(), Box<dyn FnOnce() + Send>>;

    /// For jobs that need more of their host than this trait has.
    fn as_any(&self) -> &dyn Any;

    /// Whether the calling thread, which is about to block until one of this host's jobs is done, is to say so.
    fn wants_waiters(&self) -> bool {
        false
    }

    /// The calling thread is about to block until `is_done`. May run jobs of this host.
    fn wait_begins(self: Arc<Self>, _is_done: &dyn Fn() -> bool) {}

    /// It has blocked.
    fn wait_ends(&self) {}
}
