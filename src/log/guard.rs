//! The end of a writer.

use super::error::FlushError;
use super::shared::Shared;
use super::stats::Stats;
use crate::deadline::Deadline;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Ends its writer: made with it, by [`Builder::build`](super::Builder::build). Keep it until the end of `main`.
///
/// When it is dropped, the writer takes no more records, and this thread waits until all are written, but no longer than
/// [`Builder::drop_deadline`](super::Builder::drop_deadline); on standard error it says if some were not. [`close`](Self::close) reports instead.
#[must_use = "to drop the guard ends the writer"]
pub struct Guard {
    shared: Option<Arc<Shared>>,
}

/// What came of a writer's records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Whether all records that were taken are written (or given up at an error: see `lost`), and the sink is dropped. Else the drain goes on.
    pub is_complete: bool,
    /// Records that the sink has taken.
    pub written: u64,
    /// Records that were refused for want of room.
    pub dropped: u64,
    /// Records that were given up at an error of the sink. With those that were left when it failed for good.
    pub lost: u64,
    /// Why the sink failed for good, if it has.
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

impl Guard {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared: Some(shared) }
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
    shared.alarm.close();
    shared.room.wake_all();
    let number = shared.ask_flush();
    let flushed = shared.wait_flushed(number, deadline);
    // The last pass may follow upon that of the flush.
    let ended = flushed.is_ok() && shared.wait_for(deadline, || shared.has_ended().then_some(())).is_ok();
    let error = match flushed {
        Err(FlushError::Broken(error)) => Some(error),
        _ => None,
    };
    report(shared.stats(), ended, error)
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
                let _ =
                    io::Write::write_all(&mut io::stderr(), format!("aside: the log: {report}\n").as_bytes());
            }
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}
