//! Flushes: which were asked for and are done, and one that is awaited.

use super::error::FlushError;
use super::pending::Pending;
use super::shared::Shared;
use crate::deadline::Deadline;
use crate::sync::{AtomicU64, Ordering};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Flushes are numbered from 1 on, and done in that order.
pub(super) struct Flushes {
    asked: AtomicU64,
    done: AtomicU64,
}

impl Flushes {
    pub(super) fn new() -> Self {
        Self { asked: AtomicU64::new(0), done: AtomicU64::new(0) }
    }

    /// Asks for one more, and returns its number. The drain must be called afterwards.
    pub(super) fn ask(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The number of the last one that was asked for. To be read before the rings are.
    pub(super) fn asked(&self) -> u64 {
        // Acquire: pairs with the release in `ask`: what was logged before is in the rings.
        self.asked.load(Ordering::Acquire)
    }

    pub(super) fn is_done(&self, number: u64) -> bool {
        // Acquire: pairs with the release in `finish`.
        self.done.load(Ordering::Acquire) >= number
    }

    /// Whether one was asked for that is not done.
    pub(super) fn is_pending(&self) -> bool {
        self.asked() != self.done.load(Ordering::Relaxed)
    }

    /// All up to this number are done. By the drain. False if they were before.
    pub(super) fn finish(&self, number: u64) -> bool {
        let is_new = number != self.done.load(Ordering::Relaxed);
        if is_new {
            // Release: pairs with the acquire in `is_done`.
            self.done.store(number, Ordering::Release);
        }
        is_new
    }
}

impl Shared {
    /// Asks for a flush, and returns its number.
    pub(super) fn ask_flush(self: &Arc<Self>) -> u64 {
        let number = self.flushes.ask();
        self.call();
        number
    }

    pub(super) fn flush_state(&self, number: u64) -> Option<Result<(), FlushError>> {
        if self.flushes.is_done(number) {
            Some(Ok(()))
        } else if self.is_orphaned() {
            // Asked for by the parent of this process.
            Some(Err(FlushError::Forked))
        } else if self.alarm.look().is_broken() {
            Some(Err(FlushError::Broken(self.reason())))
        } else if self.has_ended() {
            // All of it is written.
            Some(Ok(()))
        } else {
            None
        }
    }

    /// Blocks until that flush is done.
    pub(super) fn wait_flushed(self: &Arc<Self>, number: u64, deadline: Deadline) -> Result<(), FlushError> {
        self.wait_for(deadline, || self.flush_state(number))?
    }
}

/// Resolves when all that was logged before the call is written. Made by [`Writer::flush`](super::Writer::flush). Dropping it changes nothing.
#[must_use = "nobody waits before it is awaited"]
pub struct Flush {
    /// `None` if there is nothing that could be flushed.
    pending: Option<Pending>,
    number: u64,
}

impl Flush {
    pub(super) fn new(shared: Option<&Arc<Shared>>) -> Self {
        Self { number: shared.map_or(0, Shared::ask_flush), pending: shared.map(Pending::new) }
    }
}

impl Future for Flush {
    type Output = Result<(), FlushError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { pending, number } = self.get_mut();
        match pending {
            Some(pending) => pending.poll(cx, |shared| shared.flush_state(*number)),
            None => Poll::Ready(Err(FlushError::Forked)),
        }
    }
}

impl fmt::Debug for Flush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flush").field("number", &self.number).finish_non_exhaustive()
    }
}
