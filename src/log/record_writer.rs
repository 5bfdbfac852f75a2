//! The writer as other loggers want it: something to write to, and to flush after each record.

use super::builder::Overflow;
use super::error::WriteError;
use super::front::LONGEST;
use super::writer::Writer;
use crate::os::fork;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::thread;

/// A longer record's buffer is not kept for the next one.
const KEPT: usize = 64 * 1024;

/// What to give to a logger that takes any [`io::Write`] (env_logger, fern, simplelog, ..). Made by [`Writer::record_writer`].
///
/// A record ends with a write that ends with a newline, and may have newlines within. Loggers that make one such write per record, as env_logger and the fmt layer of
/// tracing-subscriber do, have it copied straight into the ring: no lock and no allocation. Of others the pieces are gathered first. Whatever is
/// unfinished becomes a record at a flush, and when this is dropped (unless that is by a panic amid the record).
///
/// In two ways it is unlike [`Writer`], which is [`io::Write`], too:
///
/// - `flush` does not wait. Loggers that flush after each record would have the thread wait for the sink each time. The records are written soon in any case; to be
///   sure, call [`Writer::flush_wait`].
/// - A record that is dropped for want of room is no error. It is counted, and the log tells of it, as always. Loggers answer an error with a complaint on standard error, one at a
///   time, just when there is too much to write.
///
/// ```
/// use std::io::Write;
///
/// let (log, guard) = aside::log::Writer::builder().sink(std::io::sink()).build()?;
/// let mut records = log.record_writer();
/// records.write_all(b"one record\nof two lines\n")?;
/// write!(records, "{} of {}", "one", "pieces")?;
/// records.flush()?; // ends it, and does not wait
/// log.flush_wait(std::time::Duration::from_secs(10))?;
/// assert_eq!(log.stats().written, 2);
/// # std::io::Result::Ok(())
/// ```
pub struct RecordWriter<'a> {
    writer: Cow<'a, Writer>,
    /// Of these records, if it is not the writer's.
    overflow: Option<Overflow>,
    /// A record without its end.
    begun: Vec<u8>,
    /// The process it was begun in: what a parent has begun is the parent's.
    generation: usize,
    /// Whether it was begun in a destructor, while a panic unwound the stack.
    in_panic: bool,
}

impl<'a> RecordWriter<'a> {
    #[inline]
    pub(super) fn new(writer: Cow<'a, Writer>, overflow: Option<Overflow>) -> Self {
        Self { writer, overflow, begun: Vec::new(), generation: 0, in_panic: false }
    }

    /// Has these records' overflow handled so, whatever [`Builder::overflow`](super::Builder::overflow) says.
    ///
    /// ```
    /// use aside::log::{Overflow, Writer};
    ///
    /// let (log, guard) = Writer::builder().overflow(Overflow::DropNewest).sink(std::io::sink()).build()?;
    /// let (trace, audit) = (log.record_writer(), log.record_writer().overflow(Overflow::Block));
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use = "this is the writer with the policy"]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = Some(overflow);
        self
    }

    #[inline]
    fn log(&self, record: &[u8]) -> Result<(), WriteError> {
        let logged = match self.overflow {
            None => self.writer.write_record(record),
            Some(overflow) => self.writer.write_record_with(record, overflow),
        };
        match logged {
            Err(WriteError::Full) => Ok(()),
            other => other,
        }
    }

    #[cold]
    fn gather(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.forget_the_parents();
        if self.begun.len() + bytes.len() > LONGEST {
            // So long a record goes out in pieces.
            self.finish()?;
        }
        if self.begun.is_empty() {
            self.in_panic = thread::panicking();
        }
        self.begun.extend_from_slice(bytes);
        if bytes.ends_with(b"\n") { self.finish() } else { Ok(()) }
    }

    fn forget_the_parents(&mut self) {
        if self.generation != fork::generation() {
            self.begun.clear();
            self.generation = fork::generation();
        }
    }

    /// What was begun is a record.
    fn finish(&mut self) -> Result<(), WriteError> {
        self.forget_the_parents();
        if self.begun.is_empty() {
            return Ok(());
        }
        let logged = self.log(&self.begun);
        self.begun.clear();
        self.begun.shrink_to(KEPT);
        logged
    }
}

impl Write for RecordWriter<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.begun.is_empty() && bytes.ends_with(b"\n") {
            self.log(bytes)?;
        } else {
            self.gather(bytes)?;
        }
        Ok(bytes.len())
    }

    /// Ends an unfinished record. Does not wait.
    fn flush(&mut self) -> io::Result<()> {
        Ok(self.finish()?)
    }
}

impl Drop for RecordWriter<'_> {
    #[inline]
    fn drop(&mut self) {
        // A panic amid the record has torn it; what was begun in a destructor during a panic may be whole.
        if !self.begun.is_empty() && thread::panicking() == self.in_panic {
            let _ = self.finish();
        }
    }
}

impl fmt::Debug for RecordWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordWriter").field("overflow", &self.overflow).finish_non_exhaustive()
    }
}
