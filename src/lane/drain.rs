//! Waiting for what is queued on a lane.

use crate::deadline::Deadline;
use crate::job::{Catch, Offload};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Resolves when all jobs that were queued on a lane before it are done with. Made by [`Lane::drain`](crate::Lane::drain).
///
/// Dropping it changes nothing for the jobs.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled; to block, call `.wait()`"]
pub struct LaneDrain(Catch<()>);

impl LaneDrain {
    pub(super) fn new(last: Offload<()>) -> Self {
        Self(last.catch())
    }

    /// Blocks this thread until then. On an offload thread of the lane's group, as [`Offload::wait`](crate::Offload::wait).
    ///
    /// ```
    /// let lane = aside::Group::global().lane(0_u32);
    /// for _ in 0..10 {
    ///     lane.offload(|n| *n += 1).detach();
    /// }
    /// lane.drain().wait();
    /// assert_eq!(lane.into_inner().wait(), Some(10));
    /// ```
    pub fn wait(self) {
        // An error says that the lane has ended, and what was queued with it.
        let _ = self.0.wait();
    }

    /// As [`wait`](Self::wait), but no longer than until the deadline. True if all was done by then.
    pub fn wait_deadline(self, deadline: impl Into<Deadline>) -> bool {
        self.0.wait_deadline(deadline).is_ok()
    }
}

impl Future for LaneDrain {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}
