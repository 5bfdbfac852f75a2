//! The future of a job's outcome, panics included.

use super::error::JobError;
use super::offload::Offload;
use crate::deadline::Deadline;
use futures::future::FusedFuture;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A job's outcome as a `Result`. Made by [`Offload::catch`].
///
/// Dropping it cancels a job that has not started, as dropping the [`Offload`] would.
///
/// # Panics
///
/// Polling it again after it resolved panics; nothing else does.
#[derive(Debug)]
#[must_use = "dropping it cancels the job unless it has started"]
pub struct Catch<T>(Offload<T>);

impl<T> Catch<T> {
    pub(super) fn new(offload: Offload<T>) -> Self {
        Self(offload)
    }

    /// Blocks this thread until the job has ended. As with [`Offload::wait`], an offload thread of the job's own
    /// group runs a job that has not started right here.
    ///
    /// # Errors
    ///
    /// If the job panicked, or was cancelled by its group.
    pub fn wait(mut self) -> Result<T, JobError> {
        match self.0.wait_outcome(Deadline::NEVER) {
            Some(outcome) => outcome,
            None => unreachable!("NEVER does not pass"),
        }
    }

    /// As [`wait`](Self::wait), but no longer than until the deadline; and so, on an offload thread, without running the job there.
    ///
    /// # Errors
    ///
    /// Gives the handle back if the job has not ended by then. Nothing is cancelled.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let job = aside::offload(|| 1).catch();
    /// let outcome = job.wait_deadline(Duration::from_secs(60)).expect("it takes no time");
    /// assert_eq!(outcome.unwrap(), 1);
    /// ```
    pub fn wait_deadline(mut self, deadline: impl Into<Deadline>) -> Result<Result<T, JobError>, Self> {
        match self.0.wait_outcome(deadline.into()) {
            Some(outcome) => Ok(outcome),
            None => Err(self),
        }
    }

    /// Whether the outcome can be had without waiting.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> Future for Catch<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_outcome(cx)
    }
}

impl<T> FusedFuture for Catch<T> {
    fn is_terminated(&self) -> bool {
        self.0.is_terminated()
    }
}
