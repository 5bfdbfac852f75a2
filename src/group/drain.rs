//! Waits until a group has nothing left to do.

use super::core::Core;
use crate::deadline::Deadline;
use crate::job::Host;
use event_listener::{EventListener, Listener};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Between two attempts to have a thread, while the system refuses one.
const PAUSE: Duration = Duration::from_millis(1);

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
        if !core.nudge() {
            // There is no thread that could say anything, and none to be had at the moment.
            listener.wait_timeout(PAUSE.min(deadline.remaining().unwrap_or(PAUSE)));
        } else if let Some(at) = deadline.instant() {
            listener.wait_deadline(at);
        } else {
            listener.wait();
        }
        if deadline.has_passed() {
            return reached();
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
                    if Pin::new(listener).poll(cx).is_pending() {
                        if !self.core.nudge() {
                            // There is no thread that could say anything: only asking again can help.
                            cx.waker().wake_by_ref();
                        }
                        return Poll::Pending;
                    }
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
