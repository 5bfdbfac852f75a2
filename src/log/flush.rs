//! Flushes: which were asked for and are done, and one that is awaited.

use super::error::FlushError;
use super::front::is_draining;
use super::pending::Pending;
use super::shared::Shared;
use crate::deadline::Deadline;
use crate::sync::{AtomicU64, Mutex, Ordering, lock};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

/// Why the sink's own flush failed, if it did. One for all that a pass flushes for.
type Failure = Arc<OnceLock<Arc<io::Error>>>;

/// Flushes are numbered from 1 on, and done in that order.
pub(super) struct Flushes {
    asked: AtomicU64,
    done: AtomicU64,
    /// Of those that no pass has taken up. Locked for a change of `asked`.
    failure: Mutex<Failure>,
}

/// Up to where somebody wants to have flushed.
#[derive(Clone)]
pub(super) struct Asked {
    number: u64,
    failure: Failure,
}

impl Flushes {
    pub(super) fn new() -> Self {
        Self { asked: AtomicU64::new(0), done: AtomicU64::new(0), failure: Mutex::new(Failure::default()) }
    }

    /// Asks for one more. The drain must be called afterwards.
    pub(super) fn ask(&self) -> Asked {
        let failure = lock(&self.failure);
        let number = self.asked.load(Ordering::Relaxed) + 1;
        // SeqCst: a release at least, which pairs with the acquire in `is_pending`.
        self.asked.store(number, Ordering::SeqCst);
        Asked { number, failure: failure.clone() }
    }

    /// Takes up all that were asked for; `None` if they are done. By the drain, before it looks at the rings: what was logged before is then in them.
    pub(super) fn take_up(&self) -> Option<Asked> {
        self.is_pending().then(|| {
            // Not in the lock: an allocator may log, and flush.
            let next = Failure::default();
            let mut failure = lock(&self.failure);
            // Relaxed: in the lock.
            let number = self.asked.load(Ordering::Relaxed);
            Asked { number, failure: std::mem::replace(&mut *failure, next) }
        })
    }

    /// What came of it; `None` if it is not done.
    pub(super) fn outcome(&self, asked: &Asked) -> Option<Result<(), Arc<io::Error>>> {
        // Acquire: pairs with the release in `finish`.
        let is_done = self.done.load(Ordering::Acquire) >= asked.number;
        is_done.then(|| asked.failure.get().map_or(Ok(()), |error| Err(error.clone())))
    }

    /// Whether one was asked for that is not done.
    pub(super) fn is_pending(&self) -> bool {
        // Acquire: pairs with the release in `ask`: what was logged before is in the rings.
        self.asked.load(Ordering::Acquire) != self.done.load(Ordering::Relaxed)
    }

    /// What was taken up is done. By the drain.
    pub(super) fn finish(&self, asked: &Asked, failure: Option<Arc<io::Error>>) {
        if let Some(failure) = failure {
            let _ = asked.failure.set(failure);
        }
        // Release: pairs with the acquire in `outcome`.
        self.done.store(asked.number, Ordering::Release);
    }
}

impl Shared {
    /// Asks for a flush.
    pub(super) fn ask_flush(self: &Arc<Self>) -> Asked {
        let asked = self.flushes.ask();
        self.call();
        asked
    }

    pub(super) fn flush_state(&self, asked: &Asked) -> Option<Result<(), FlushError>> {
        if let Some(outcome) = self.flushes.outcome(asked) {
            Some(outcome.map_err(FlushError::NotFlushed))
        } else if self.is_orphaned() {
            // Asked for by the parent of this process.
            Some(Err(FlushError::Forked))
        } else if self.alarm.look().is_broken() {
            Some(Err(FlushError::Broken(self.reason())))
        } else if self.has_ended() {
            // All of it is written. The drain may have ended between a close and its flush.
            Some(self.unflushed.get().map_or(Ok(()), |error| Err(FlushError::NotFlushed(error.clone()))))
        } else {
            None
        }
    }

    /// Asks for a flush, and blocks until it is done.
    pub(super) fn flush_wait(self: &Arc<Self>, deadline: Deadline) -> Result<(), FlushError> {
        // Before it is asked for: a sink that does this each time would call for a pass after each.
        if is_draining(self.id) {
            return Err(FlushError::Inside);
        }
        self.wait_flushed(&self.ask_flush(), deadline)
    }

    /// Blocks until that flush is done.
    pub(super) fn wait_flushed(
        self: &Arc<Self>,
        asked: &Asked,
        deadline: Deadline,
    ) -> Result<(), FlushError> {
        self.wait_for(deadline, || self.flush_state(asked))?
    }
}

/// Resolves when all that was logged before the call is written. Made by [`Writer::flush`](super::Writer::flush). Dropping it changes nothing.
#[must_use = "nobody waits before it is awaited"]
pub struct Flush {
    /// `None` if there is nothing that could be flushed.
    pending: Option<(Pending, Asked)>,
}

impl Flush {
    pub(super) fn new(shared: Option<&Arc<Shared>>) -> Self {
        Self { pending: shared.map(|shared| (Pending::new(shared), shared.ask_flush())) }
    }
}

impl Future for Flush {
    type Output = Result<(), FlushError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().pending {
            Some((pending, asked)) => pending.poll(cx, |shared| shared.flush_state(asked)),
            None => Poll::Ready(Err(FlushError::Forked)),
        }
    }
}

impl fmt::Debug for Flush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.pending.as_ref().map(|(_, asked)| asked.number);
        f.debug_struct("Flush").field("number", &number).finish_non_exhaustive()
    }
}
