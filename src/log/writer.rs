//! The handle that logs.

use super::builder::{Builder, Overflow};
use super::errand::{Reopening, Synced, Syncing};
use super::error::{FlushError, ReopenError, WriteError};
use super::flush::Flush;
use super::front::{LONGEST, lend, repay};
use super::grant::Grant;
use super::line::Line;
use super::record_writer::RecordWriter;
use super::room::NoRoom;
use super::shared::Shared;
use super::stats::Stats;
use crate::deadline::Deadline;
use crate::ring::{Full, Producer};
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Logs, from any thread. Clones log to the same sink.
///
/// A record is what one [`write_record`](Self::write_record) is given, or one line by [`io::Write`]. It comes out whole.
///
/// The handle may be shared (`&Writer` is [`io::Write`] too) or cloned. Records go through a ring that each thread has for itself from its first record
/// on; when the thread ends, the ring is left to the next one, and nothing is lost. To log from a thread-local's destructor works, and so does
/// logging from inside the sink, which must not wait for room (see [`WriteError::Full`]) and should not do it for each write, as that would never end.
///
/// In a forked child, what the child logs goes to the same file or descriptor, through rings and a thread of the child's own; what its parent
/// had logged is left to the parent. The child must flush before it ends.
///
/// # In a signal handler
///
/// No method may be called in a signal handler. A thread's first record allocates, a record may take a lock, and a handler that interrupts its own thread amid a record would
/// find that thread's ring half written. Have the handler set a flag, or write to a pipe, and log on a thread that watches for it. (Signals that merely interrupt threads that log, or the
/// one that writes, do no harm.)
///
/// A global allocator should not log either: it may be called by a log call that holds a lock, and then waits for itself.
///
/// # What it costs
///
/// A copy of the record and a store; and once more than one thread has logged, unless the order is [`Order::PerThread`](super::Order::PerThread), a look at the processor's counter, which takes
/// longer than those two. Memory: see
/// [`Builder::capacity`]. Records that the sink has not taken when the process is killed are lost.
pub struct Writer {
    shared: Arc<Shared>,
    line: Line,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, line: Line::new() }
    }

    /// Settings for a writer.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// This process's.
    #[inline(always)]
    fn shared(&self) -> Option<&Arc<Shared>> {
        if self.shared.is_orphaned() { self.shared.in_child() } else { Some(&self.shared) }
    }

    /// Logs one record: these bytes, as they are, with the newline if there is to be one. It is written soon; `Ok` says that it will be.
    ///
    /// Waits only if there is no room, under [`Overflow::Block`]; then until there is, or the writer is closed or broken.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    ///
    /// ```
    /// let (log, guard) = aside::log::Writer::builder().sink(std::io::sink()).build()?;
    /// log.write_record(b"a record\n")?;
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn write_record(&self, record: &[u8]) -> Result<(), WriteError> {
        if self.shared.write_by(record, Producer::push_at_once) {
            return self.shared.committed();
        }
        self.write_in_any_case(record, None)
    }

    /// The same with a policy of this record's own, whatever [`Builder::overflow`](super::Builder::overflow) says: that a warning may wait for room,
    /// say, where a trace is dropped.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    ///
    /// ```
    /// use aside::log::{Overflow, Writer};
    ///
    /// let (log, guard) = Writer::builder().overflow(Overflow::DropNewest).sink(std::io::sink()).build()?;
    /// let _ = log.write_record(b"may be dropped\n");
    /// log.write_record_with(b"is waited for\n", Overflow::Block)?;
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn write_record_with(&self, record: &[u8], overflow: Overflow) -> Result<(), WriteError> {
        if self.shared.write_by(record, Producer::push_at_once) {
            return self.shared.committed();
        }
        self.write_in_any_case(record, Some(overflow))
    }

    #[inline(never)]
    fn write_in_any_case(&self, record: &[u8], overflow: Option<Overflow>) -> Result<(), WriteError> {
        self.shared().ok_or(WriteError::Forked)?.write_record(record, overflow)
    }

    /// Space for a record of up to so many bytes, to be formatted in place. Waits for room as [`write_record`](Self::write_record) does.
    ///
    /// Where the ring cannot be used in place (more than half of it is asked for, or the order is [`Order::PerThread`](super::Order::PerThread), or this thread
    /// has another grant already) the record is formatted elsewhere, with an allocation, and copied.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// let (log, guard) = aside::log::Writer::builder().sink(std::io::sink()).build()?;
    /// let mut record = log.reserve(200)?;
    /// writeln!(record, "{} bytes at most", 200)?;
    /// record.commit()?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn reserve(&self, most: usize) -> Result<Grant<'_>, WriteError> {
        let shared = self.shared().ok_or(WriteError::Forked)?;
        if most > LONGEST {
            return Err(WriteError::TooLong { len: most, longest: LONGEST });
        }
        // Without stamps, records that went by the common ring while this one was on loan would have no order with those that
        // come after them.
        let lent = if shared.clock.is_causal() { lend(shared) } else { None };
        let Some(mut front) = lent else {
            return Ok(Grant::of_its_own(shared, most));
        };
        if most > front.producer.longest() {
            repay(shared, front);
            return Ok(Grant::of_its_own(shared, most));
        }
        let attempt = |discards| {
            if discards {
                front.discard();
            }
            front.producer.reserve(most).map(drop).map_err(|Full| NoRoom { ring: front.number })
        };
        match shared.take_or_wait(shared.config.overflow, attempt) {
            Ok(()) => Ok(Grant::in_ring(shared, front, most)),
            Err(error) => {
                repay(shared, front);
                Err(error)
            }
        }
    }

    /// A handle for loggers that take any [`io::Write`], such as env_logger: each write that ends with a newline is a record, and a flush does not wait.
    ///
    /// ```no_run
    /// let (log, guard) = aside::log::Writer::builder().build()?;
    /// env_logger::builder().target(env_logger::Target::Pipe(Box::new(log.record_writer()))).init();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn record_writer(&self) -> RecordWriter<'static> {
        RecordWriter::new(Cow::Owned(self.clone()), None)
    }

    /// Waits until all is written that was logged, by any thread, before this call, and the sink's own `flush` has returned. What is logged later is not waited for.
    ///
    /// # From inside the sink
    ///
    /// Called and awaited by what the drain calls (the sink, [`Builder::on_error`], [`Builder::on_drop`]) on its thread, this is [`FlushError::Inside`], as it would wait for itself. What is
    /// called there may be awaited elsewhere. But the sink must not wait for a flush that was called elsewhere, which never ends; nor call this whenever it is flushed itself, as then the drain
    /// never sleeps. The same goes for [`sync`](Self::sync) and [`reopen`](Self::reopen).
    ///
    /// # Errors
    ///
    /// See [`FlushError`].
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (log, guard) = aside::log::Writer::builder().sink(std::io::sink()).build()?;
    /// log.write_record(b"a record\n")?;
    /// log.flush().await?;
    /// assert_eq!(log.stats().written, 1);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn flush(&self) -> Flush {
        let _ = self.finish_line();
        Flush::new(self.shared())
    }

    /// The same, blocking this thread, but no longer than until the deadline.
    ///
    /// # Errors
    ///
    /// See [`FlushError`].
    ///
    /// ```
    /// let (log, guard) = aside::log::Writer::builder().sink(std::io::sink()).build()?;
    /// log.write_record(b"a record\n")?;
    /// log.flush_wait(std::time::Duration::from_secs(10))?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn flush_wait(&self, deadline: impl Into<Deadline>) -> Result<(), FlushError> {
        let _ = self.finish_line();
        self.shared().ok_or(FlushError::Forked)?.flush_wait(deadline.into())
    }

    /// As [`flush`](Self::flush), and then has the system bring it all to the device (`fdatasync`), where the sink is a file or a descriptor. Of a
    /// sink given as a [`Write`] only `flush` is called. Both are done by the drain, never by this thread.
    ///
    /// # Errors
    ///
    /// See [`FlushError`].
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use aside::log::{Synced, Writer};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let (log, guard) = Writer::builder().append(dir.path().join("log")).build()?;
    /// log.write_record(b"to be kept\n")?;
    /// assert_eq!(log.sync().await?, Synced::OnDevice);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn sync(&self) -> Syncing {
        let _ = self.finish_line();
        Syncing::new(self.shared())
    }

    /// The same, blocking this thread, but no longer than until the deadline.
    ///
    /// # Errors
    ///
    /// See [`FlushError`].
    ///
    /// ```
    /// use aside::log::{Synced, Writer};
    ///
    /// let (log, guard) = Writer::builder().sink(Vec::new()).build()?;
    /// assert_eq!(log.sync_wait(std::time::Duration::from_secs(10))?, Synced::Flushed);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn sync_wait(&self, deadline: impl Into<Deadline>) -> Result<Synced, FlushError> {
        let _ = self.finish_line();
        self.shared().ok_or(FlushError::Forked)?.sync_wait(deadline.into())
    }

    /// Goes on with another file, or with a new one of the same name after the old one was renamed, as logrotate does. What was logged before this
    /// call is in the old file; what is logged after this is done is in the new one; no record is in both. For writers made with
    /// [`Builder::append`] only.
    ///
    /// The drain opens the file and closes the old one. To be sure that the old one is on the device, [`sync`](Self::sync) before. In a forked
    /// child this changes the child's file, and in the parent the parent's.
    ///
    /// # Errors
    ///
    /// See [`ReopenError`]: then the old file stays.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let dir = tempfile::tempdir()?;
    /// let (path, old) = (dir.path().join("log"), dir.path().join("log.1"));
    /// let (log, guard) = aside::log::Writer::builder().append(&path).build()?;
    /// log.write_record(b"yesterday\n")?;
    /// std::fs::rename(&path, &old)?;
    /// log.reopen(&path).await?;
    /// log.write_record(b"today\n")?;
    /// log.flush().await?;
    /// assert_eq!(std::fs::read_to_string(&old)?, "yesterday\n");
    /// assert_eq!(std::fs::read_to_string(&path)?, "today\n");
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn reopen(&self, path: impl Into<PathBuf>) -> Reopening {
        let _ = self.finish_line();
        Reopening::new(self.shared(), path.into())
    }

    /// The same, blocking this thread, but no longer than until the deadline. If that passes first, the file may still be changed.
    ///
    /// # Errors
    ///
    /// See [`ReopenError`].
    ///
    /// ```
    /// use aside::log::{ReopenError, Writer};
    ///
    /// let (log, guard) = Writer::builder().stderr().build()?;
    /// let error = log.reopen_wait("a file", std::time::Duration::from_secs(10));
    /// assert!(matches!(error, Err(ReopenError::NotAppending)));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn reopen_wait(
        &self,
        path: impl Into<PathBuf>,
        deadline: impl Into<Deadline>,
    ) -> Result<(), ReopenError> {
        let _ = self.finish_line();
        let shared = self.shared().ok_or(FlushError::Forked)?;
        shared.reopen_wait(path.into(), deadline.into())
    }

    /// What the writer has done.
    pub fn stats(&self) -> Stats {
        self.shared().map_or(Stats::default(), |shared| shared.stats())
    }

    /// Takes bytes of lines, but for what no longer fits; records are what ends with a newline.
    fn take(&self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(LONGEST)];
        if bytes.is_empty() {
            return Ok(0);
        }
        let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        if end == bytes.len() && !self.line.is_begun() {
            self.write_record(bytes)?;
            return Ok(end);
        }
        let (begun, taken) = self.line.gather(bytes, end);
        // Without the lock: who makes room for the record may log by this handle, too, and on this very thread.
        match begun {
            Some(record) => self.write_record(&record)?,
            None if end > 0 => self.write_record(&bytes[..taken])?,
            None => {}
        }
        Ok(taken)
    }

    /// An unfinished line becomes a record.
    fn finish_line(&self) -> Result<(), WriteError> {
        self.line.take().map_or(Ok(()), |line| self.write_record(&line))
    }
}

/// Gathers bytes up to the newline: each write is logged up to the last newline in it, as one record, and the rest is kept, in this handle. A write that ends with a
/// newline, as most loggers make, takes no lock. Threads that share a handle should write whole lines.
///
/// `flush` logs an unfinished line as it is and blocks until all is written.
impl Write for &Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.finish_line()?;
        Ok(self.flush_wait(Deadline::NEVER)?)
    }
}

/// As for `&Writer`.
impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut &*self)
    }
}

impl Clone for Writer {
    /// An unfinished line stays with the original.
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl Drop for Writer {
    /// An unfinished line is logged.
    fn drop(&mut self) {
        let _ = self.finish_line();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
