//! The end of a writer.

use super::error::FlushError;
use super::farewell::flush_on_panic;
use super::flush::Asked;
use super::shared::Shared;
use super::stats::Stats;
use crate::deadline::Deadline;
#[cfg(unix)]
use crate::os::ready::is_writable;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Ends its writer: made with it, by [`Builder::build`](super::Builder::build). Keep it until the end of `main`.
///
/// When it is dropped, the writer takes no more records, and this thread waits until all are written, but no longer than
/// [`Builder::drop_deadline`](super::Builder::drop_deadline); on standard error it says if some were not. [`close`](Self::close) reports instead.
///
/// If the process ends by the return of `main` or by [`std::process::exit`] and the guard was not dropped (a static has it, or `exit` passes it by), the same
/// is done then: see [`Builder::close_at_exit`](super::Builder::close_at_exit).
#[must_use = "to drop the guard ends the writer"]
pub struct Guard {
    shared: Option<Arc<Shared>>,
}

/// What came of a writer's records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Whether all records that were taken are written (or given up at an error: see `lost`), and the sink is flushed and dropped. Else the drain goes on, or
    /// `error` says why not.
    pub is_complete: bool,
    /// Records that the sink has taken.
    pub written: u64,
    /// Records that were refused, or given up for newer ones, for want of room.
    pub dropped: u64,
    /// Records that were given up at an error of the sink. With those that were left when it failed for good.
    pub lost: u64,
    /// Why the sink failed for good, or could not be flushed at last, if so.
    pub error: Option<Arc<io::Error>>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records written, {} dropped, {} lost", self.written, self.dropped, self.lost)?;
        match &self.error {
            Some(error) => write!(f, "; the sink failed: {error}"),
            None if self.is_complete => Ok(()),
            None => f.write_str("; not all were written in time"),
        }
    }
}

impl Shared {
    /// Takes no more records. Returns the flush that reaches up to the last one.
    pub(super) fn close(self: &Arc<Self>) -> Asked {
        self.alarm.close();
        self.room.wake_all();
        self.ask_flush()
    }
}

impl Guard {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared: Some(shared) }
    }

    /// Has each panic in this process, on whatever thread, followed by a flush, so that what led to it is written even if the process is about
    /// to abort. The panic hook that is there now goes first; what it logs is flushed, too. The thread waits for as long as `longest`. It
    /// waits for nothing if the panic is one of the sink, or the writer is closed.
    ///
    /// Changes the panic hook, and so must not be called on a thread that is panicking. A hook that is set later should call this one. It stays
    /// when the guard is gone, but does nothing.
    ///
    /// # Panics
    ///
    /// On a thread that is panicking.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let (log, guard) = aside::log::Writer::builder().sink(std::io::sink()).build()?;
    /// guard.flush_on_panic(Duration::from_secs(2));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn flush_on_panic(&self, longest: Duration) {
        if let Some(shared) = &self.shared {
            flush_on_panic(shared, longest);
        }
    }

    /// Takes no more records, waits until all are written, but no longer than until the deadline, and reports.
    ///
    /// Records that were left in the rings go on being written if the program goes on. In a forked child this ends what the child has
    /// logged, and nothing else.
    ///
    /// ```
    /// let (log, guard) = aside::log::Writer::builder().sink(Vec::new()).build()?;
    /// log.write_record(b"a record\n")?;
    /// let report = guard.close(std::time::Duration::from_secs(10));
    /// assert!(report.is_complete);
    /// assert_eq!(report.written, 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn close(mut self, deadline: impl Into<Deadline>) -> Report {
        match self.shared.take() {
            Some(shared) => close(&shared, deadline.into()),
            None => unreachable!("taken here and in `drop` only"),
        }
    }
}

fn close(shared: &Arc<Shared>, deadline: Deadline) -> Report {
    let shared = if shared.is_orphaned() {
        match shared.made_in_child() {
            Some(child) => child,
            // Nothing was logged here.
            None => return report(Stats::default(), true, None),
        }
    } else {
        shared
    };
    // First: who finds the writer closed and this at 0 finds it given up.
    shared.closing.fetch_add(1, Ordering::SeqCst);
    let asked = shared.close();
    let flushed = shared.wait_flushed(&asked, deadline);
    // The last pass may follow upon that of the flush; and what is lost is counted then.
    let has_ended = shared.wait_for(deadline, || shared.has_ended().then_some(())).is_ok();
    shared.closing.fetch_sub(1, Ordering::SeqCst);
    let ended = flushed.is_ok() && has_ended;
    report(shared.stats(), ended, failure(flushed))
}

/// What has become of the sink.
fn failure(flushed: Result<(), FlushError>) -> Option<Arc<io::Error>> {
    match flushed {
        Err(FlushError::Broken(error) | FlushError::NotFlushed(error)) => Some(error),
        _ => None,
    }
}

fn report(stats: Stats, is_complete: bool, error: Option<Arc<io::Error>>) -> Report {
    let Stats { written, dropped, lost, .. } = stats;
    Report { is_complete, written, dropped, lost, error }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            let report = close(&shared, shared.config.patience.into());
            if !report.is_complete {
                // A closed standard error is no reason to panic.
                let _ = io::Write::write_all(&mut io::stderr(), complaint(&report).as_bytes());
            }
        }
    }
}

fn complaint(report: &Report) -> String {
    format!("aside: the log: {report}\n")
}

/// Says on standard error what has become of a writer that was not closed in time; but does not wait for who reads that.
pub(super) fn complain(shared: &Shared, flushed: Result<(), FlushError>) {
    let complaint = complaint(&report(shared.stats(), false, failure(flushed)));
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let stderr = io::stderr();
        if is_writable(&stderr.as_fd()) {
            let _ = rustix::io::write(&stderr, complaint.as_bytes());
        }
    }
    #[cfg(not(unix))]
    let _ = io::Write::write_all(&mut io::stderr(), complaint.as_bytes());
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}
