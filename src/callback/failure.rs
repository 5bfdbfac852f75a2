//! What an error callback is told.

use crate::job::{JobError, Panic};
use crate::panic::contain;
use std::error::Error;
use std::fmt;

/// Why a job whose output is a `Result` did not succeed. Given to the second callback of
/// [`Offload::on_complete`](crate::Offload::on_complete).
#[derive(Debug)]
pub enum Failure<E> {
    /// The job returned this error.
    Failed(E),
    /// The job panicked, with this.
    Panicked(Panic),
    /// The job never started: see [`JobError::Cancelled`].
    Cancelled,
}

impl<E> From<JobError> for Failure<E> {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Panicked(panic) => Failure::Panicked(panic),
            JobError::Cancelled => Failure::Cancelled,
        }
    }
}

/// Calls the one of the two that the outcome is for, and drops the other.
pub(super) fn call_one<T, E>(
    outcome: Result<Result<T, E>, JobError>,
    ok: impl FnOnce(T),
    err: impl FnOnce(Failure<E>),
) {
    let failure = match outcome {
        Ok(Ok(value)) => {
            // The callback that is not needed goes first, so that two panics cannot meet.
            contain(move || drop(err));
            return ok(value);
        }
        Ok(Err(error)) => Failure::Failed(error),
        Err(error) => error.into(),
    };
    contain(move || drop(ok));
    err(failure);
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // With the reason, as callbacks print no chains of sources.
            Failure::Failed(error) => write!(f, "the job failed: {error}"),
            Failure::Panicked(panic) => panic.fmt(f),
            Failure::Cancelled => JobError::Cancelled.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for Failure<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Failure::Failed(error) => Some(error),
            Failure::Panicked(_) | Failure::Cancelled => None,
        }
    }
}
