//! Why a record was not taken, or a flush or a change of files came to nothing.

use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a record was not taken.
///
/// ```
/// let (log, guard) = aside::log::Writer::builder().sink(std::io::sink()).build()?;
/// guard.close(aside::Deadline::NEVER);
/// assert!(matches!(log.write_record(b"too late\n"), Err(aside::log::WriteError::Closed)));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// There was no room, and it was not to be waited for: [`Overflow::DropNewest`](super::Overflow::DropNewest), or this thread is just
    /// draining this very writer (it logs from inside the sink). Counted, and reported in the log.
    Full,
    /// Longer than any record may be.
    TooLong {
        /// How long it is.
        len: usize,
        /// The most that is taken.
        longest: usize,
    },
    /// The guard was closed or dropped. A record that was logged at that very moment may have been written nevertheless.
    Closed,
    /// Nothing can be written any more: the sink failed for good, it or a callback panicked, or the group was closed.
    Broken(Arc<io::Error>),
    /// This is a forked child, and its parent's sink cannot be used here: it is not a file or descriptor (or there is no memory for the child's ring).
    Forked,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Full => f.write_str("no room for the record"),
            WriteError::TooLong { len, longest } => {
                write!(f, "a record of {len} bytes; the longest possible has {longest}")
            }
            WriteError::Closed => f.write_str("the log writer is closed"),
            WriteError::Broken(error) => write!(f, "the log cannot be written any more: {error}"),
            WriteError::Forked => f.write_str("the log's sink belongs to the parent process"),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WriteError::Broken(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        let kind = match &error {
            WriteError::Full => io::ErrorKind::WouldBlock,
            WriteError::TooLong { .. } => io::ErrorKind::InvalidInput,
            WriteError::Closed => io::ErrorKind::BrokenPipe,
            WriteError::Broken(cause) => cause.kind(),
            WriteError::Forked => io::ErrorKind::Unsupported,
        };
        io::Error::new(kind, error)
    }
}

/// Why a flush or a sync came to nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FlushError {
    /// The deadline passed first.
    TimedOut,
    /// This thread is just draining this very writer: it would wait for itself.
    Inside,
    /// Nothing can be written any more, and what was left is lost.
    Broken(Arc<io::Error>),
    /// The sink has taken all, but its own `flush` failed, and [`Builder::on_error`](super::Builder::on_error) said to go on: some of it may be in the sink's buffer. A later
    /// flush calls the sink's again.
    NotFlushed(Arc<io::Error>),
    /// All is written, but the sink could not be flushed, or the system not sync it: it may not be on the device.
    NotSynced(Arc<io::Error>),
    /// The writer is at its end, and the sink is gone. (A flush succeeds then, as all is written.)
    Closed,
    /// This is a forked child, and its parent's sink cannot be used here.
    Forked,
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlushError::TimedOut => f.write_str("not all of the log was written in time"),
            FlushError::Inside => f.write_str("a flush from inside the log's sink"),
            FlushError::Broken(error) => write!(f, "the log cannot be written any more: {error}"),
            FlushError::NotFlushed(error) => write!(f, "the log's sink could not be flushed: {error}"),
            FlushError::NotSynced(error) => write!(f, "the log is written, but not synced: {error}"),
            FlushError::Closed => f.write_str("the log writer is closed"),
            FlushError::Forked => f.write_str("the log's sink belongs to the parent process"),
        }
    }
}

impl std::error::Error for FlushError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FlushError::Broken(error) | FlushError::NotFlushed(error) | FlushError::NotSynced(error) => {
                Some(&**error)
            }
            _ => None,
        }
    }
}

impl From<FlushError> for io::Error {
    fn from(error: FlushError) -> Self {
        let kind = match &error {
            FlushError::TimedOut => io::ErrorKind::TimedOut,
            FlushError::Inside => io::ErrorKind::Deadlock,
            FlushError::Broken(cause) | FlushError::NotFlushed(cause) | FlushError::NotSynced(cause) => {
                cause.kind()
            }
            FlushError::Closed => io::ErrorKind::BrokenPipe,
            FlushError::Forked => io::ErrorKind::Unsupported,
        };
        io::Error::new(kind, error)
    }
}

/// Why the writer does not go on with another file. It goes on with the one it has.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReopenError {
    /// The writer was not made with [`Builder::append`](super::Builder::append).
    NotAppending,
    /// The new file could not be opened.
    Open(Arc<io::Error>),
    /// It did not come to that. After [`FlushError::TimedOut`] it may still do so.
    Flush(FlushError),
}

impl fmt::Display for ReopenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReopenError::NotAppending => f.write_str("the log does not append to a file"),
            ReopenError::Open(error) => write!(f, "the log's new file cannot be opened: {error}"),
            ReopenError::Flush(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReopenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReopenError::NotAppending => None,
            ReopenError::Open(error) => Some(&**error),
            ReopenError::Flush(error) => error.source(),
        }
    }
}

impl From<FlushError> for ReopenError {
    fn from(error: FlushError) -> Self {
        ReopenError::Flush(error)
    }
}

impl From<ReopenError> for io::Error {
    fn from(error: ReopenError) -> Self {
        let kind = match &error {
            ReopenError::NotAppending => io::ErrorKind::Unsupported,
            ReopenError::Open(cause) => cause.kind(),
            ReopenError::Flush(cause) => return cause.clone().into(),
        };
        io::Error::new(kind, error)
    }
}
