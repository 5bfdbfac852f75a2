//! The future of a cancelled job.

use super::handle::Outcome;
use super::offload::{Offload, value_or_panic};
use crate::deadline::Deadline;
use futures::future::FusedFuture;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What became of a job that was asked to stop: `None` if it never ran, `Some(output)` if it did. Made by
/// [`Offload::cancel`].
///
/// The request was made when this was made. Dropping it forgets the output of a job that was running.
///
/// # Panics
///
/// If the job ran and panicked, its panic resumes in whoever awaits this. Polling it again after it resolved panics.
#[derive(Debug)]
pub struct Cancel<T> {
    offload: Offload<T>,
    never_ran: bool,
}

impl<T> Cancel<T> {
    pub(super) fn new(offload: Offload<T>, never_ran: bool) -> Self {
        Self { offload, never_ran }
    }

    /// Whether the job never ran, and never will: known at once, without waiting. False if it has started.
    ///
    /// ```
    /// let (open, gate) = std::sync::mpsc::channel::<()>();
    /// let group = aside::Group::builder().max_threads(1).build()?;
    /// let first = group.offload(move || gate.recv());
    /// let second = group.offload(|| unreachable!());
    /// assert!(second.cancel().never_ran());
    /// open.send(()).unwrap();
    /// first.wait().unwrap();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn never_ran(&self) -> bool {
        self.never_ran
    }

    /// Blocks this thread until it is known whether the job ran, and its output is there if it did. Runs nothing
    /// on this thread.
    ///
    /// # Panics
    ///
    /// As when awaited: see [`Cancel`].
    #[track_caller]
    pub fn wait(mut self) -> Option<T> {
        match self.offload.wait_outcome(Deadline::NEVER) {
            Some(outcome) => output(outcome),
            None => unreachable!("NEVER does not pass"),
        }
    }
}

#[track_caller]
fn output<T>(outcome: Outcome<T>) -> Option<T> {
    match outcome {
        // Cancelled by this handle, or by the group just before.
        Err(crate::job::JobError::Cancelled) => None,
        outcome => Some(value_or_panic(outcome)),
    }
}

impl<T> Future for Cancel<T> {
    type Output = Option<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.offload.poll_outcome(cx).map(output)
    }
}

impl<T> FusedFuture for Cancel<T> {
    fn is_terminated(&self) -> bool {
        self.offload.is_terminated()
    }
}
