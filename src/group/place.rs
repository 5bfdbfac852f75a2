//! A place in a group's queue that is taken before its job is there: for those on whom others rely.

use super::core::Core;
use crate::job::{self, Host, Job, Task};
use crate::sync::loom_fence;
use std::sync::Arc;

/// A place that is counted as a push is, and whose job is to come. Dropped, it is given back.
pub(crate) struct Place<'a>(&'a Arc<Core>);

impl Place<'_> {
    /// Queues the job.
    pub(crate) fn fill(self, task: Task) {
        let core = std::mem::ManuallyDrop::new(self).0;
        if let Some(room) = &core.room {
            room.take_anyway(1);
        }
        core.queue.push_announced(task);
        core.grow_regardless();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.queue.withdraw();
        // It was counted as outstanding.
        self.0.tell_waiters();
    }
}

impl Core {
    /// A place for a job on behalf of others. With the place in hand the job is accepted, even if the group is closed before it comes.
    /// `None` if the group is closed. Then the caller is to [tell](Self::tell_of_withdrawal) those who saw the place, once nothing of its own
    /// is half-done any more: their wakers are foreign code.
    pub(crate) fn reserve(self: &Arc<Self>) -> Option<Place<'_>> {
        if self.is_orphaned() {
            return None;
        }
        // Without a look before it: the line comes once, to be written.
        self.queue.announce();
        // As in `push`: who closes after this look sees the announcement, and stays for the job.
        loom_fence();
        if self.counts().load().is_closed() {
            self.queue.withdraw();
            return None;
        }
        Some(Place(self))
    }

    /// A place, also if the group is closed.
    pub(crate) fn reserve_regardless(self: &Arc<Self>) -> Place<'_> {
        self.queue.announce();
        Place(self)
    }

    /// A job that was counted, and may have been waited for, is not to come.
    pub(crate) fn tell_of_withdrawal(&self) {
        // In a forked child the list's lock may be held by a thread that is gone.
        if !self.is_orphaned() {
            self.tell_waiters();
        }
    }

    /// Queues a job on behalf of others that this group, or a lane of it, has accepted: there is always room for it. Gives it back if
    /// the group is closed.
    pub(crate) fn push_unlimited<J: Job<Output = ()>>(self: &Arc<Self>, job: J) -> Result<(), J> {
        let Some(place) = self.reserve() else {
            self.tell_of_withdrawal();
            return Err(job);
        };
        place.fill(job::new_detached(job, self.clone()));
        Ok(())
    }

    /// After a push that stands, whether the group is closed or not. In a closed one, too, the queue may stall behind jobs that block.
    fn grow_regardless(&self) {
        // As in `push`.
        loom_fence();
        let counts = self.counts().load();
        if counts.is_closed() && counts.threads() == 0 {
            // Tries in any case, and cancels what is queued if there is none to be had: perhaps nobody waits who would try again.
            let _ = self.ensure_threads(1);
        } else {
            self.grow(counts);
        }
    }
}
