//! Waits until a group has nothing left to do.

use super::core::Core;
use crate::deadline::Deadline;
use crate::job::{Care, Host, Wait, block_on};
use crate::wait_list::Ticket;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Resolves at a moment when a group has no accepted job left, queued or running. Made by [`Group::drain`](crate::Group::drain).
///
/// It does not keep the group open. Dropping it changes nothing.
#[must_use = "nobody waits before it is awaited"]
pub struct Drain {
    core: Arc<Core>,
    ticket: Option<Ticket>,
}

impl Drain {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, ticket: None }
    }

    /// Blocks this thread until the group is drained.
    pub fn wait(self) {
        wait_until(&self.core, Deadline::NEVER, || is_drained(&self.core));
    }

    /// As [`wait`](Self::wait), but no longer than until the deadline. Returns whether the group is drained.
    pub fn wait_deadline(self, deadline: impl Into<Deadline>) -> bool {
        wait_until(&self.core, deadline.into(), || is_drained(&self.core))
    }
}

fn is_drained(core: &Core) -> bool {
    // In a forked child the jobs are the parent's.
    core.is_orphaned() || core.outstanding() == 0
}

/// Blocks until `reached` holds; false if the deadline passed first.
pub(super) fn wait_until(core: &Core, deadline: Deadline, reached: impl Fn() -> bool) -> bool {
    let mut ticket = None;
    let poll = |waker: &Waker| {
        if poll_until(core, &mut ticket, waker, &reached) { Wait::Over(()) } else { Wait::on(core.nudge()) }
    };
    let is_reached = block_on(deadline, poll).is_some() || reached();
    leave(core, &mut ticket);
    is_reached
}

/// Whether `reached` holds; else the waker is called when it may.
fn poll_until(core: &Core, ticket: &mut Option<Ticket>, waker: &Waker, reached: impl Fn() -> bool) -> bool {
    reached() || {
        core.quiet.register(ticket, waker);
        // What happened before the registration is seen here, what happens after calls the waker.
        reached()
    }
}

fn leave(core: &Core, ticket: &mut Option<Ticket>) {
    // In a forked child the list's lock may be held by a thread that is gone.
    if let Some(ticket) = ticket.take().filter(|_| !core.is_orphaned()) {
        core.quiet.leave(ticket);
    }
}

impl Future for Drain {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { core, ticket } = self.get_mut();
        if poll_until(core, ticket, cx.waker(), || is_drained(core)) {
            leave(core, ticket);
            return Poll::Ready(());
        }
        if core.nudge() == Care::None {
            // There is no thread that could say anything: only asking again can help.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        leave(&self.core, &mut self.ticket);
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("outstanding", &self.core.outstanding()).finish_non_exhaustive()
    }
}
