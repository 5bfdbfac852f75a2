//! A flush that is awaited.

use super::error::FlushError;
use super::shared::Shared;
use crate::job::{Care, Host};
use crate::wait_list::Ticket;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Resolves when all that was logged before the call is written. Made by [`Writer::flush`](super::Writer::flush). Dropping it changes nothing.
#[must_use = "nobody waits before it is awaited"]
pub struct Flush {
    /// `None` if there is nothing that could be flushed.
    shared: Option<Arc<Shared>>,
    number: u64,
    ticket: Option<Ticket>,
}

impl Flush {
    pub(super) fn new(shared: Option<&Arc<Shared>>) -> Self {
        let number = shared.map_or(0, Shared::ask_flush);
        Self { shared: shared.cloned(), number, ticket: None }
    }
}

impl Future for Flush {
    type Output = Result<(), FlushError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, number, ticket } = self.get_mut();
        let Some(shared) = shared else { return Poll::Ready(Err(FlushError::Forked)) };
        if let Some(state) = shared.flush_state(*number) {
            return Poll::Ready(state);
        }
        shared.flushed_waiters.register(ticket, cx.waker());
        if let Some(state) = shared.flush_state(*number) {
            return Poll::Ready(state);
        }
        if shared.group.core().nudge() == Care::None {
            // There is no thread that could say anything: only asking again can help.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        if let (Some(shared), Some(ticket)) = (&self.shared, self.ticket.take()) {
            // In a forked child the list's lock may be held by a thread that is gone.
            if !shared.is_orphaned() {
                shared.flushed_waiters.leave(ticket);
            }
        }
    }
}

impl fmt::Debug for Flush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flush").field("number", &self.number).finish_non_exhaustive()
    }
}
