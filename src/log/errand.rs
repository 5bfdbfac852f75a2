//! What the drain is asked to do with the sink, behind the records that were logged before: to sync it, or to go on with another file.

use super::error::{FlushError, ReopenError};
use super::front::is_draining;
use super::pending::Pending;
use super::shared::Shared;
use super::sink::Out;
use crate::deadline::Deadline;
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};
use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

/// What came of a [`sync`](super::Writer::sync).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synced {
    /// The system says that all is on the device.
    OnDevice,
    /// All is written and flushed, and that is all there is to do: a pipe, a terminal or a socket has nothing to be synced, and of a sink that was
    /// given as a [`Write`](io::Write) only `flush` is known.
    Flushed,
}

/// What came of it; empty before.
type Outcome<T> = Arc<OnceLock<Result<T, Arc<io::Error>>>>;

pub(super) enum Errand {
    Sync(Outcome<Synced>),
    Reopen(PathBuf, Outcome<()>),
}

impl Errand {
    /// On the drain, when the sink was flushed, or could not be.
    pub(super) fn run(self, out: &mut Out, flushed: Option<Arc<io::Error>>) {
        match self {
            Errand::Sync(outcome) => {
                let synced = flushed.map_or_else(|| out.sync().map_err(Arc::new), Err);
                let _ = outcome.set(synced);
            }
            Errand::Reopen(path, outcome) => drop(outcome.set(out.reopen(&path).map_err(Arc::new))),
        }
    }
}

/// Those that nobody has begun.
pub(super) struct Errands {
    /// How many there are, so that the drain needs no lock if there is none.
    len: AtomicUsize,
    queue: Mutex<Vec<Errand>>,
}

impl Errands {
    pub(super) fn new() -> Self {
        Self { len: AtomicUsize::new(0), queue: Mutex::new(Vec::new()) }
    }

    /// The drain must be called afterwards.
    fn push(&self, errand: Errand) {
        let mut queue = lock(&self.queue);
        queue.push(errand);
        self.len.store(queue.len(), Ordering::SeqCst);
    }

    /// All there are. To be called before the rings are looked at: what was logged before is then in them.
    pub(super) fn take(&self) -> Vec<Errand> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut queue = lock(&self.queue);
        self.len.store(0, Ordering::Relaxed);
        std::mem::take(&mut *queue)
    }

    pub(super) fn is_empty(&self) -> bool {
        // Relaxed: who pushes calls the drain afterwards; what it logged before is ordered by the lock.
        self.len.load(Ordering::Relaxed) == 0
    }
}

impl Shared {
    fn ask(self: &Arc<Self>, errand: Errand) {
        self.errands.push(errand);
        self.call();
    }

    pub(super) fn ask_sync(self: &Arc<Self>) -> Outcome<Synced> {
        let outcome = Outcome::default();
        self.ask(Errand::Sync(outcome.clone()));
        outcome
    }

    fn ask_reopen(self: &Arc<Self>, path: PathBuf) -> Result<Outcome<()>, ReopenError> {
        if !self.config.appends {
            return Err(ReopenError::NotAppending);
        }
        let outcome = Outcome::default();
        self.ask(Errand::Reopen(path, outcome.clone()));
        Ok(outcome)
    }

    /// What became of an errand. `failed` is what an error of its own means.
    fn errand_state<T: Copy, E: From<FlushError>>(
        &self,
        outcome: &Outcome<T>,
        failed: fn(Arc<io::Error>) -> E,
    ) -> Option<Result<T, E>> {
        // Looked at before the outcome: who ends the writer has done all errands before.
        let (is_broken, has_ended) = (self.alarm.look().is_broken(), self.has_ended());
        match outcome.get() {
            Some(Ok(done)) => Some(Ok(*done)),
            Some(Err(error)) => Some(Err(failed(error.clone()))),
            // Asked for by the parent of this process.
            None if self.is_orphaned() => Some(Err(FlushError::Forked.into())),
            None if is_broken => Some(Err(FlushError::Broken(self.reason()).into())),
            None if has_ended => Some(Err(FlushError::Closed.into())),
            None => None,
        }
    }

    pub(super) fn sync_wait(self: &Arc<Self>, deadline: Deadline) -> Result<Synced, FlushError> {
        if is_draining(self.id) {
            return Err(FlushError::Inside);
        }
        let outcome = self.ask_sync();
        self.wait_for(deadline, || self.errand_state(&outcome, FlushError::NotSynced))?
    }

    pub(super) fn reopen_wait(
        self: &Arc<Self>,
        path: PathBuf,
        deadline: Deadline,
    ) -> Result<(), ReopenError> {
        if is_draining(self.id) {
            return Err(FlushError::Inside.into());
        }
        let outcome = self.ask_reopen(path)?;
        self.wait_for(deadline, || self.errand_state(&outcome, ReopenError::Open))?
    }
}

/// Resolves when all that was logged before the call is written and synced. Made by [`Writer::sync`](super::Writer::sync). Dropping it
/// changes nothing.
#[must_use = "nobody waits before it is awaited"]
pub struct Syncing(Result<(Pending, Outcome<Synced>), FlushError>);

impl Syncing {
    pub(super) fn new(shared: Option<&Arc<Shared>>) -> Self {
        Self(shared.map(|shared| (Pending::new(shared), shared.ask_sync())).ok_or(FlushError::Forked))
    }
}

impl Future for Syncing {
    type Output = Result<Synced, FlushError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            Ok((pending, outcome)) => {
                pending.poll(cx, |shared| shared.errand_state(outcome, FlushError::NotSynced))
            }
            Err(error) => Poll::Ready(Err(error.clone())),
        }
    }
}

impl fmt::Debug for Syncing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Syncing").finish_non_exhaustive()
    }
}

/// Resolves when the writer goes on with the new file, or cannot. Made by [`Writer::reopen`](super::Writer::reopen). Dropping it changes
/// nothing.
#[must_use = "nobody learns what came of it before it is awaited"]
pub struct Reopening(Result<(Pending, Outcome<()>), ReopenError>);

impl Reopening {
    pub(super) fn new(shared: Option<&Arc<Shared>>, path: PathBuf) -> Self {
        let ask = |shared: &Arc<Shared>| Ok((Pending::new(shared), shared.ask_reopen(path)?));
        Self(shared.ok_or(FlushError::Forked.into()).and_then(ask))
    }
}

impl Future for Reopening {
    type Output = Result<(), ReopenError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            Ok((pending, outcome)) => {
                pending.poll(cx, |shared| shared.errand_state(outcome, ReopenError::Open))
            }
            Err(error) => Poll::Ready(Err(error.clone())),
        }
    }
}

impl fmt::Debug for Reopening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reopening").finish_non_exhaustive()
    }
}
