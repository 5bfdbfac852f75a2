//! What a group can refuse: a job, or to be built.

use std::fmt;
use std::io;

/// A job that a group did not take, and why. The closure is inside, unharmed.
///
/// ```
/// use aside::{Group, RejectReason};
///
/// let group = Group::builder().build()?;
/// group.close();
/// let rejected = group.try_offload(|| "precious").unwrap_err();
/// assert!(matches!(rejected.reason(), RejectReason::Closed));
/// assert_eq!(rejected.into_job()(), "precious");
/// # std::io::Result::Ok(())
/// ```
pub struct Rejected<F> {
    job: F,
    reason: RejectReason,
}

/// Why a job was not taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum RejectReason {
    /// The queue is bounded ([`Builder::queue_limit`](crate::Builder::queue_limit)) and full.
    Full,
    /// The group was closed or shut down, or belongs to the process that this one was forked from.
    Closed,
    /// The group has no thread, and the system refuses to start one.
    Spawn(io::Error),
}

impl<F> Rejected<F> {
    pub(crate) fn new(job: F, reason: RejectReason) -> Self {
        Self { job, reason }
    }

    /// Why the job was not taken.
    pub fn reason(&self) -> &RejectReason {
        &self.reason
    }

    /// Whether the queue was full: the one reason that goes away by itself.
    pub fn is_full(&self) -> bool {
        matches!(self.reason, RejectReason::Full)
    }

    /// Whether the group takes no more jobs at all.
    pub fn is_closed(&self) -> bool {
        matches!(self.reason, RejectReason::Closed)
    }

    /// The closure.
    pub fn into_job(self) -> F {
        self.job
    }

    /// The closure and the reason.
    pub fn into_parts(self) -> (F, RejectReason) {
        (self.job, self.reason)
    }
}

impl<F> fmt::Debug for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<F> fmt::Display for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RejectReason::Full => "the group's queue is full",
            RejectReason::Closed => "the group takes no more jobs",
            RejectReason::Spawn(_) => "the group has no thread and could not start one",
        })
    }
}

impl<F> std::error::Error for Rejected<F> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            RejectReason::Spawn(error) => Some(error),
            RejectReason::Full | RejectReason::Closed => None,
        }
    }
}

/// What was wrong with a [`Builder`](crate::Builder). Comes inside the [`io::Error`] that `build` returns.
///
/// ```
/// use aside::{BuildError, Group};
///
/// let error = Group::builder().max_threads(0).build().unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
/// assert!(matches!(BuildError::of(&error), Some(BuildError::NoThreads)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// `max_threads(0)`: such a group could never run anything.
    NoThreads,
    /// More threads than a group can count.
    TooManyThreads {
        /// What was asked for.
        max_threads: usize,
        /// The most there can be.
        limit: usize,
    },
    /// `min_threads` is above `max_threads`.
    MinAboveMax {
        /// What was asked for.
        min_threads: usize,
        /// What was asked for, or the default.
        max_threads: usize,
    },
    /// The name has a NUL byte in it, which no thread's name can have.
    NulInName,
    /// `queue_limit(0)`: such a group could never accept anything.
    NoRoom,
    /// `Scale::OnStall` with a tick of zero, so that whoever watches the queue would never sleep, or of more than 100 ms, which a
    /// shutdown may have to wait for.
    BadTick {
        /// What was asked for.
        tick: std::time::Duration,
    },
    /// A stack that the group's own code would overflow.
    StackTooSmall {
        /// What was asked for, in bytes.
        stack_size: usize,
        /// The least there must be, in bytes.
        least: usize,
    },
    /// There is no such nice level.
    NoSuchNice {
        /// What was asked for.
        nice: i32,
    },
    /// This user may not set this nice level.
    NiceNotPermitted {
        /// What was asked for.
        nice: i32,
    },
    /// On this system threads have no nice level of their own.
    NiceUnsupported,
    /// `cpus` with an empty list: the threads could not run anywhere.
    NoCpus,
    /// `cpus` with a number that is too high.
    CpuOutOfRange {
        /// What was asked for.
        cpu: usize,
        /// Numbers must be below this.
        limit: usize,
    },
    /// `cpus` with no processor that is there and that this process may use.
    NoSuchCpus {
        /// What was asked for.
        cpus: Vec<usize>,
    },
    /// On this system threads cannot be kept on some processors.
    CpusUnsupported,
    /// The global group exists already.
    GlobalExists,
}

impl BuildError {
    /// The `BuildError` inside an error of [`Builder::build`](crate::Builder::build), if there is one. An error without one comes from the
    /// system: it could not start a thread.
    pub fn of(error: &io::Error) -> Option<&BuildError> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::NoThreads => f.write_str("max_threads is 0: the group could never run anything"),
            BuildError::TooManyThreads { max_threads, limit } => {
                write!(f, "max_threads is {max_threads}, more than the {limit} that a group can have")
            }
            BuildError::MinAboveMax { min_threads, max_threads } => {
                write!(f, "min_threads is {min_threads}, more than max_threads, which is {max_threads}")
            }
            BuildError::NulInName => f.write_str("the name contains a NUL byte"),
            BuildError::NoRoom => f.write_str("queue_limit is 0: the group could never accept anything"),
            BuildError::BadTick { tick } => {
                write!(f, "the tick of Scale::OnStall is {tick:?}: it may be up to 100 ms, and not zero")
            }
            BuildError::StackTooSmall { stack_size, least } => {
                write!(f, "stack_size is {stack_size} bytes, less than the {least} that a thread needs")
            }
            BuildError::NoSuchNice { nice } => {
                write!(f, "there is no nice level {nice}: it goes from -20 to 19")
            }
            BuildError::NiceNotPermitted { nice } => write!(f, "this user may not set nice level {nice}"),
            BuildError::NiceUnsupported => f.write_str("this system has no nice level per thread"),
            BuildError::NoCpus => {
                f.write_str("the list of cpus is empty: the threads could not run anywhere")
            }
            BuildError::CpuOutOfRange { cpu, limit } => {
                write!(f, "there is no cpu {cpu}: numbers go up to {}", limit - 1)
            }
            BuildError::NoSuchCpus { cpus } => {
                write!(f, "none of the cpus {cpus:?} is there for this process")
            }
            BuildError::CpusUnsupported => f.write_str("this system cannot keep a thread on some cpus"),
            BuildError::GlobalExists => f.write_str("the global group exists already"),
        }
    }
}

impl std::error::Error for BuildError {}

impl From<BuildError> for io::Error {
    fn from(error: BuildError) -> Self {
        let kind = match error {
            BuildError::NiceNotPermitted { .. } => io::ErrorKind::PermissionDenied,
            BuildError::NiceUnsupported | BuildError::CpusUnsupported => io::ErrorKind::Unsupported,
            BuildError::GlobalExists => io::ErrorKind::AlreadyExists,
            _ => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, error)
    }
}
