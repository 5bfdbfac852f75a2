//! Waiting for the drain, in a future or in a blocked thread.

use super::error::FlushError;
use super::front::is_draining;
use super::shared::Shared;
use crate::deadline::Deadline;
use crate::job::{Care, Host, Wait, block_on};
use crate::wait_list::Ticket;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A future's place among those who wait for the drain.
pub(super) struct Pending {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
    /// Asked for by the sink, or another one that the drain calls. Who waits there waits for himself. What was asked for elsewhere and is polled there may belong to a task
    /// that goes on elsewhere.
    is_from_inside: bool,
}

impl Pending {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone(), ticket: None, is_from_inside: is_draining(shared.id) }
    }

    pub(super) fn poll<T, E: From<FlushError>>(
        &mut self,
        cx: &mut Context<'_>,
        state: impl Fn(&Shared) -> Option<Result<T, E>>,
    ) -> Poll<Result<T, E>> {
        let Self { shared, ticket, is_from_inside } = self;
        if *is_from_inside && is_draining(shared.id) {
            return Poll::Ready(state(shared).unwrap_or_else(|| Err(FlushError::Inside.into())));
        }
        let helps = shared.group.core().is_current_thread();
        if let Some(state) = shared.poll_state(helps, ticket, cx.waker(), || state(shared)) {
            return Poll::Ready(state);
        }
        if shared.group.core().nudge() == Care::None {
            // There is no thread that could say anything: only asking again can help.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            // In a forked child the list's lock may be held by a thread that is gone.
            if !self.shared.is_orphaned() {
                self.shared.waiters.leave(ticket);
            }
        }
    }
}

impl Shared {
    /// Blocks until the drain has come so far. A thread of the drain's group makes passes itself meanwhile, as the drain's job may be
    /// queued behind its own.
    pub(super) fn wait_for<T>(
        self: &Arc<Self>,
        deadline: Deadline,
        state: impl Fn() -> Option<T>,
    ) -> Result<T, FlushError> {
        if is_draining(self.id) {
            return Err(FlushError::Inside);
        }
        let inside = self.group.core().is_current_thread();
        let mut ticket = None;
        let poll = |waker: &Waker| {
            // In time: the sink may keep who helps for long.
            let helps = inside && !deadline.has_passed();
            match self.poll_state(helps, &mut ticket, waker, &state) {
                Some(state) => Wait::Over(state),
                None => Wait::on(self.group.core().nudge()),
            }
        };
        let reached = block_on(deadline, poll);
        if let Some(ticket) = ticket {
            self.waiters.leave(ticket);
        }
        reached.ok_or(FlushError::TimedOut)
    }

    /// What has become of it; `None` if the waker will be called.
    fn poll_state<T>(
        self: &Arc<Self>,
        helps: bool,
        ticket: &mut Option<Ticket>,
        waker: &Waker,
        state: impl Fn() -> Option<T>,
    ) -> Option<T> {
        if let Some(state) = state() {
            return Some(state);
        }
        self.waiters.register(ticket, waker);
        if helps {
            // When registered: see there.
            self.help();
        }
        state()
    }
}
