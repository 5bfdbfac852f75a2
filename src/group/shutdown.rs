//! The end of a group, with a deadline.

use super::core::Core;
use super::current;
use super::drain::wait_until;
use crate::deadline::Deadline;
use crate::job::Host;
use crate::sync::{Ordering, lock};
use std::fmt;
use std::sync::Arc;

/// What a shutdown left undone. Made by [`Group::shutdown`](crate::Group::shutdown).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "jobs may have been left undone"]
#[non_exhaustive]
pub struct Left {
    /// Jobs that had not started by the deadline. They were cancelled.
    pub cancelled: usize,
    /// Jobs that were running at the deadline. They go on, and so do their threads.
    pub running: usize,
}

impl Left {
    /// Whether every job was done.
    pub fn is_nothing(self) -> bool {
        self.cancelled == 0 && self.running == 0
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} jobs cancelled, {} still running", self.cancelled, self.running)
    }
}

/// Who waits for a group's end from inside it.
#[derive(Clone, Copy, Default)]
pub(super) struct ShuttingDown {
    jobs: usize,
    threads: usize,
}

pub(super) fn shutdown(core: &Arc<Core>, deadline: Deadline) -> Left {
    if core.is_orphaned() {
        // In a forked child there never was anything.
        return Left { cancelled: 0, running: 0 };
    }
    let abandoned_before = core.tally.abandoned();
    core.close();
    let jobs = current::depth(Arc::as_ptr(core));
    let threads = usize::from(current::is_member(Arc::as_ptr(core)));
    {
        let mut all = lock(&core.shutting_down);
        all.jobs += jobs;
        all.threads += threads;
    }
    // Others may wait for no more than what waits here.
    core.tell_waiters();
    let done = || {
        let exempt = *lock(&core.shutting_down);
        let have_left = || core.alive() <= exempt.threads;
        // The turn of a lane that would come in vain is left to the threads, all of which may be waiting here.
        let only_stale = || exempt.jobs > 0 && have_left() && core.outstanding_but_stale() <= exempt.jobs;
        (core.outstanding() <= exempt.jobs || only_stale()) && have_left()
    };
    let is_done = wait_until(core, deadline, done);
    {
        let mut all = lock(&core.shutting_down);
        all.jobs -= jobs;
        all.threads -= threads;
    }
    // After that: a callback called here may shut the group down in its turn, and counts these jobs again.
    if !is_done {
        core.cut_short.store(true, Ordering::Relaxed);
        core.cancel_queued();
    }
    Left {
        cancelled: core.tally.abandoned().wrapping_sub(abandoned_before),
        running: core.outstanding_but_stale(),
    }
}
