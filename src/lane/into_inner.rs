//! Getting a lane's value back.

use super::core::Core;
use crate::deadline::Deadline;
use crate::job::{Host, JobError, Offload};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Resolves to a lane's value once all jobs queued before are done with. Made by [`Lane::into_inner`](crate::Lane::into_inner).
///
/// Dropped before it resolves, it leaves the value to an offload thread to drop, after those jobs.
#[must_use = "futures do nothing unless polled; to block, call `.wait()`"]
pub struct IntoInner<T: Send + 'static> {
    /// `None` for those who came too late, and once it has resolved.
    taking: Option<Taking<T>>,
}

struct Taking<T: Send + 'static> {
    core: Arc<Core<T>>,
    taken: Offload<Option<T>>,
}

impl<T: Send + 'static> IntoInner<T> {
    pub(super) fn new(core: &Arc<Core<T>>) -> Self {
        let taking = core
            .close_and_tell()
            .then(|| Taking { core: core.clone(), taken: core.push_last(|value| value) });
        Self { taking }
    }

    /// Blocks this thread until then. On an offload thread of the lane's group, as [`Offload::wait`](crate::Offload::wait). Inside
    /// one of the lane's own jobs it waits for itself, that is for ever.
    ///
    /// ```
    /// let lane = aside::Group::global().lane(String::new());
    /// lane.offload(|text| text.push_str("written")).detach();
    /// assert_eq!(lane.into_inner().wait().as_deref(), Some("written"));
    /// ```
    pub fn wait(mut self) -> Option<T> {
        let Taking { core, mut taken } = self.taking.take()?;
        if core.is_orphaned() {
            // Even if it had come before the fork: the parent has it, too.
            std::mem::forget((core, taken));
            return None;
        }
        let outcome = taken.wait_outcome(Deadline::NEVER)?;
        outcome.unwrap_or_else(|error| core.left_over(&error))
    }
}

impl<T: Send + 'static> Core<T> {
    /// The value, if the last job could not fetch it: the lane's group has ended, and with it all turns.
    fn left_over(&self, error: &JobError) -> Option<T> {
        match error {
            JobError::Cancelled => self.abandoned_value(),
            JobError::Panicked(_) => None,
        }
    }
}

impl<T: Send + 'static> Future for IntoInner<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.taking.as_ref().is_some_and(|taking| taking.core.is_orphaned()) {
            // As in `wait`.
            std::mem::forget(self.taking.take());
        }
        let Some(taking) = &mut self.taking else { return Poll::Ready(None) };
        let Poll::Ready(outcome) = taking.taken.poll_outcome(cx) else { return Poll::Pending };
        let value = outcome.unwrap_or_else(|error| taking.core.left_over(&error));
        self.taking = None;
        Poll::Ready(value)
    }
}

impl<T: Send + 'static> Unpin for IntoInner<T> {}

impl<T: Send + 'static> Drop for IntoInner<T> {
    fn drop(&mut self) {
        let Some(Taking { core, mut taken }) = self.taking.take() else { return };
        if core.is_orphaned() {
            std::mem::forget((core, taken));
        } else if taken.cancel_now() {
            core.drop_value();
        } else {
            // It is here, or about to be. Without a group, it is dropped by this thread.
            let _ = core.group().push_unlimited(move || drop(taken));
        }
    }
}

impl<T: Send + 'static> fmt::Debug for IntoInner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoInner").finish_non_exhaustive()
    }
}
