//! Waits until a group has nothing left to do.

use super::core::Core;
use crate::deadline::Deadline;
use crate::job::Host;
use event_listener::{EventListener, Listener};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Resolves at a moment when a group has no accepted job left, queued or running. Made by [`Group::drain`](crate::Group::drain).
///
/// It does not keep the group open. Dropping it changes nothing.
#[must_use = "nobody waits before it is awaited"]
pub struct Drain {
    core: Arc<Core>,
    listener: Option<EventListener>,
}

impl Drain {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, listener: None }
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
    loop {
        if reached() {
            return true;
        }
        let listener = core.listen();
        // What happened before the listener was there is seen here, what happens after is heard.
        if reached() {
            return true;
        }
        match deadline.instant() {
            None => listener.wait(),
            Some(at) => {
                if listener.wait_deadline(at).is_none() {
                    return reached();
                }
            }
        }
    }
}

impl Future for Drain {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if is_drained(&self.core) {
                self.listener = None;
                return Poll::Ready(());
            }
            match &mut self.listener {
                None => self.listener = Some(self.core.listen()),
                Some(listener) => {
                    ready!(Pin::new(listener).poll(cx));
                    self.listener = None;
                }
            }
        }
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("outstanding", &self.core.outstanding()).finish_non_exhaustive()
    }
}
