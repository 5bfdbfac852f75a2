//! How a job can fail to give its value.

use crate::panic::Payload;
use std::any::Any;
use std::fmt;

/// Why a job has no value to give.
///
/// ```
/// use aside::JobError;
///
/// let error = aside::offload(|| -> u32 { panic!("out of ink") }).catch().wait().unwrap_err();
/// assert_eq!(error.to_string(), "the job panicked: out of ink");
/// assert!(matches!(error, JobError::Panicked(panic) if panic.message() == Some("out of ink")));
/// ```
#[derive(Debug)]
pub enum JobError {
    /// The job panicked, with this.
    Panicked(Panic),
    /// The job never started: its group was shut down first, or takes no more jobs, or is a forked child's copy.
    Cancelled,
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Panicked(panic) => panic.fmt(f),
            JobError::Cancelled => f.write_str("the job was cancelled before it started"),
        }
    }
}

impl std::error::Error for JobError {}

/// What a job panicked with.
///
/// Unlike a bare `Box<dyn Any + Send>` it is also `Sync`, so that the errors that hold it convert into
/// `Box<dyn Error + Send + Sync>` and the error types built on that.
///
/// ```
/// use aside::{JobError, offload};
///
/// let Err(JobError::Panicked(panic)) = offload(|| std::panic::panic_any(7_u8)).catch().wait() else { panic!() };
/// assert_eq!(panic.message(), None);
/// assert_eq!(panic.downcast_ref::<u8>(), Some(&7));
/// assert_eq!(*panic.into_inner().downcast::<u8>().unwrap(), 7);
/// ```
pub struct Panic(Payload);

// SAFETY: through `&Panic` the payload can be asked for its type, which touches nothing, and gives out `&P` only for
// `P: Sync` (see `downcast_ref` and `message`). Everything else takes it by value.
unsafe impl Sync for Panic {}

impl Panic {
    pub(crate) fn new(payload: Payload) -> Self {
        Self(payload)
    }

    /// The message, if the payload is a string, as that of `panic!` is.
    pub fn message(&self) -> Option<&str> {
        self.downcast_ref::<&'static str>()
            .copied()
            .or_else(|| self.downcast_ref::<String>().map(String::as_str))
    }

    /// The payload, if it is a `P`.
    pub fn downcast_ref<P: Any + Sync>(&self) -> Option<&P> {
        self.0.downcast_ref()
    }

    /// The payload, as [`std::thread::JoinHandle::join`] would give it.
    pub fn into_inner(self) -> Box<dyn Any + Send + 'static> {
        self.0
    }

    /// Goes on panicking on this thread, without calling the panic hook a second time.
    ///
    /// # Panics
    ///
    /// Always: that is what it is for.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.0)
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message().unwrap_or("..")).finish()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => write!(f, "the job panicked: {message}"),
            None => f.write_str("the job panicked"),
        }
    }
}
