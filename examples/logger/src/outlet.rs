//! The ways to log a record.

use crate::meter::Meter;
use crate::sink::{Sink, copy_of};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How long to wait for the last lines.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The logging thread writes the record itself.
    Direct,
    /// The logging thread puts it into the buffer that all share, and who finds that full writes it.
    Buffered,
    /// The logging thread sends it to tracing-appender's thread, which writes it.
    Appender,
    /// The logging thread copies it into its ring, and aside's thread writes what is in the rings.
    Aside,
}

impl Way {
    pub(crate) const COUNT: usize = 4;
    pub(crate) const ALL: [Way; Way::COUNT] = [Way::Direct, Way::Buffered, Way::Appender, Way::Aside];

    /// The phases of a run take turns, so that all ways meet the same weather.
    pub(crate) fn of_phase(phase: usize) -> Self {
        Self::ALL[phase % Self::COUNT]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Direct => "direct",
            Way::Buffered => "BufWriter",
            Way::Appender => "tracing-appender",
            Way::Aside => "aside",
        }
    }
}

/// A record was not taken, as nothing can be written any more.
pub(crate) struct Stopped;

/// Takes records, on any thread, by any way. None drops records: when there is no room, the logging thread waits.
pub(crate) struct Outlet {
    pub(crate) sink: Sink,
    buffered: Mutex<BufWriter<Sink>>,
    appender: NonBlocking,
    aside: aside::log::Writer,
    ends: (WorkerGuard, aside::log::Guard),
}

impl Outlet {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let sink = Sink::new(file);
        let (appender, worker) = NonBlockingBuilder::default().lossy(false).finish(sink.clone());
        let (aside, guard) = aside::log::Writer::builder().sink(sink.clone()).build()?;
        let buffered = Mutex::new(BufWriter::new(sink.clone()));
        Ok(Self { sink, buffered, appender, aside, ends: (worker, guard) })
    }

    fn buffer(&self) -> MutexGuard<'_, BufWriter<Sink>> {
        self.buffered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many lines are written, and no more are to come.
    pub(crate) fn drain(&self, lines: u64) {
        // Errors are the sink's, which keeps them.
        let _ = self.buffer().flush();
        let _ = self.aside.flush_wait(PATIENCE);
        // A flush of tracing-appender does nothing.
        let begun = Instant::now();
        while self.sink.count().lines() < lines && self.sink.stop().is_none() && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_micros(100));
        }
    }

    /// Why writing had stopped, if it had.
    pub(crate) fn finish(self) -> Option<io::Error> {
        let (worker, guard) = self.ends;
        drop(worker);
        let report = guard.close(PATIENCE);
        if !report.is_complete {
            self.sink.fail(io::Error::other(format!("the log did not end: {report}")));
        }
        self.sink.stop().map(copy_of)
    }
}

/// One logging thread's end.
pub(crate) struct Scribe<'a> {
    outlet: &'a Outlet,
    /// Its own, as it is not shared but cloned.
    appender: NonBlocking,
    sink: Sink,
    meters: [Meter; Way::COUNT],
}

impl<'a> Scribe<'a> {
    pub(crate) fn new(outlet: &'a Outlet) -> Self {
        let meters = Way::ALL.map(|_| Meter::new());
        Self { outlet, appender: outlet.appender.clone(), sink: outlet.sink.clone(), meters }
    }

    /// Logs a record, and notes what that cost this thread.
    pub(crate) fn log(&mut self, way: Way, record: &[u8]) -> Result<(), Stopped> {
        if self.outlet.sink.stop().is_some() {
            return Err(Stopped);
        }
        let begun = Instant::now();
        let logged = match way {
            Way::Direct => self.sink.write_all(record),
            Way::Buffered => self.outlet.buffer().write_all(record),
            Way::Appender => self.appender.write_all(record),
            Way::Aside => self.outlet.aside.write_record(record).map_err(io::Error::from),
        };
        let cost = begun.elapsed();
        logged.map_err(|error| {
            self.outlet.sink.fail(error);
            Stopped
        })?;
        self.meters[way as usize].note(cost);
        Ok(())
    }

    /// What it has measured, for each way.
    pub(crate) fn into_meters(self) -> [Meter; Way::COUNT] {
        self.meters
    }
}
