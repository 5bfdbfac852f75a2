//! A plain logger for the macros of the crate `log`.

use super::builder::Overflow;
use super::writer::Writer;
use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use std::cell::Cell;
use std::fmt::{self, Write};
use std::time::{Duration, SystemTime};

/// How long a flush waits, by default.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(5);
/// A longer line's buffer is not kept for the next one.
const KEPT: usize = 64 * 1024;
/// From 1970 to the last second of the year 9999.
const LAST_SHOWN: Duration = Duration::from_secs(253_402_300_799);

type Format = Box<dyn Fn(&mut String, &Record<'_>) -> fmt::Result + Send + Sync>;

/// Logs what the macros of the crate `log` are given: one line each, such as
///
/// ```text
/// 2026-11-27T13:00:33.183542Z WARN  my_program::db: lost the connection
/// ```
///
/// The line is formatted on the logging thread, in a buffer that the thread keeps, and copied into its ring: no lock, and no allocation in the long run. Nothing
/// of a line is logged if what it shows panics as it is formatted.
///
/// `log::logger().flush()` waits until all is written, but no longer than [`flush_deadline`](Self::flush_deadline).
///
/// It can also be a part of another logger: see [`format`](Self::format). For filters by module, or from the environment, use env_logger with
/// [`Writer::record_writer`]. Needs the feature `log`.
///
/// ```
/// use aside::log::{Logger, Writer};
/// use log::LevelFilter;
///
/// let (log, guard) = Writer::builder().sink(std::io::sink()).build()?;
/// Logger::new(log, LevelFilter::Info).init().unwrap();
/// log::info!("a line");
/// log::debug!("not this one");
/// let report = guard.close(std::time::Duration::from_secs(10));
/// assert_eq!(report.written, 1);
/// # std::io::Result::Ok(())
/// ```
pub struct Logger {
    writer: Writer,
    level: LevelFilter,
    /// These, and what is more severe, wait for room.
    blocking: LevelFilter,
    format: Option<Format>,
    patience: Duration,
}

impl Logger {
    /// A logger for records of this level and more severe ones.
    pub fn new(writer: Writer, level: LevelFilter) -> Self {
        Self { writer, level, blocking: LevelFilter::Off, format: None, patience: DEFAULT_PATIENCE }
    }

    /// Has records of this level, and of more severe ones, wait for room ([`Overflow::Block`]), whatever
    /// [`Builder::overflow`](super::Builder::overflow) says of the rest.
    ///
    /// ```
    /// use aside::log::{Logger, Overflow, Writer};
    /// use log::{Level, LevelFilter};
    ///
    /// let (log, guard) = Writer::builder().overflow(Overflow::DropNewest).sink(std::io::sink()).build()?;
    /// Logger::new(log, LevelFilter::Trace).blocking_from(Level::Warn).init().unwrap();
    /// log::trace!("may be dropped");
    /// log::error!("is waited for");
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use = "this is the logger with the setting"]
    pub fn blocking_from(mut self, level: Level) -> Self {
        self.blocking = level.to_level_filter();
        self
    }

    /// Has lines written by this, with the newline. Called on the logging thread, with an empty buffer. At an error the record is replaced by one that says so.
    ///
    /// So it can also be put behind a logger that makes the text:
    ///
    /// ```
    /// use aside::log::{Logger, Writer};
    /// use log::{LevelFilter, Log};
    /// use std::fmt::Write;
    ///
    /// let (log, guard) = Writer::builder().sink(std::io::sink()).build()?;
    /// let plain = Logger::new(log, LevelFilter::Trace).format(|line, record| writeln!(line, "{}", record.args()));
    /// fern::Dispatch::new()
    ///     .format(|out, message, record| out.finish(format_args!("{}: {message}", record.level())))
    ///     .chain(Box::new(plain) as Box<dyn Log>)
    ///     .apply()
    ///     .unwrap();
    /// log::info!("by way of fern");
    /// assert_eq!(guard.close(std::time::Duration::from_secs(10)).written, 1);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use = "this is the logger with the setting"]
    pub fn format(
        mut self,
        format: impl Fn(&mut String, &Record<'_>) -> fmt::Result + Send + Sync + 'static,
    ) -> Self {
        self.format = Some(Box::new(format));
        self
    }

    /// How long `flush` waits at most. Default: 5 s.
    #[must_use = "this is the logger with the setting"]
    pub fn flush_deadline(mut self, duration: Duration) -> Self {
        self.patience = duration;
        self
    }

    /// Makes it the logger of this process, and its level the macros' maximum.
    ///
    /// # Errors
    ///
    /// If the process has a logger.
    pub fn init(self) -> Result<(), SetLoggerError> {
        let level = self.level;
        log::set_boxed_logger(Box::new(self))?;
        log::set_max_level(level);
        Ok(())
    }

    fn write_line(&self, line: &mut String, record: &Record<'_>) {
        let formatted = match &self.format {
            Some(format) => format(line, record),
            None => write_plainly(line, record, record.args()),
        };
        if formatted.is_err() {
            line.clear();
            // Of what is known to be text, and a `String` takes everything.
            let _ = write_plainly(line, record, &"a message that cannot be formatted");
        }
    }
}

fn write_plainly(line: &mut String, record: &Record<'_>, message: &dyn fmt::Display) -> fmt::Result {
    let time = stamp(SystemTime::now());
    writeln!(line, "{time} {:<5} {}: {message}", record.level(), record.target())
}

/// What the clock says may be anything; years of four digits can be shown.
fn stamp(now: SystemTime) -> impl fmt::Display {
    let last = SystemTime::UNIX_EPOCH + LAST_SHOWN;
    humantime::format_rfc3339_micros(now.clamp(SystemTime::UNIX_EPOCH, last))
}

thread_local! {
    /// For the next line. Taken out while one is formatted: what is formatted may log.
    static LINE: Cell<String> = const { Cell::new(String::new()) };
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        self.write_line(&mut line, record);
        // There is nobody to tell about an error; the guard's report and `Writer::stats` do.
        let _ = if record.level() <= self.blocking {
            self.writer.write_record_with(line.as_bytes(), Overflow::Block)
        } else {
            self.writer.write_record(line.as_bytes())
        };
        if line.capacity() <= KEPT {
            line.clear();
            let _ = LINE.try_with(|kept| kept.set(line));
        }
    }

    fn flush(&self) {
        let _ = self.writer.flush_wait(self.patience);
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger")
            .field("level", &self.level)
            .field("blocking", &self.blocking)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_stamp_of_any_clock() {
        let day = Duration::from_secs(86_400);
        let stamp = |time: Option<SystemTime>| stamp(time.unwrap()).to_string();
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(stamp(epoch.checked_add(day * 11_016)), "2000-02-29T00:00:00.000000Z");
        assert_eq!(stamp(epoch.checked_sub(day)), "1970-01-01T00:00:00.000000Z");
        assert_eq!(stamp(epoch.checked_add(day * 5_000_000)), "9999-12-31T23:59:59.000000Z");
    }
}
