//! The two ways to log a record.

use crate::meter::Meter;
use crate::sink::Sink;
use crate::writer::Writer;
use aside::{Group, Rejected};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many records may wait for the offload thread. Then the logging threads wait: nothing is dropped.
pub(crate) const QUEUE_LIMIT: usize = 4_096;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The logging thread writes the record itself.
    Direct,
    /// The logging thread hands the record to an offload thread.
    Offloaded,
}

impl Way {
    /// Of the phases of a run, every other one is direct.
    pub(crate) fn of_phase(phase: usize) -> Self {
        if phase % 2 == 0 { Way::Direct } else { Way::Offloaded }
    }
}

/// A record was not taken, as nothing can be written any more.
pub(crate) struct Stopped;

/// Takes records, on any thread, by either way.
pub(crate) struct Outlet {
    sink: Arc<Sink>,
    group: Group,
}

impl Outlet {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let sink = Arc::new(Sink::new(file));
        // One thread, so the records keep their order.
        let group = Group::builder().name("log").max_threads(1).queue_limit(QUEUE_LIMIT).build()?;
        let writer = Writer::new(sink.clone(), group.clone());
        group.offload(move || writer.settle()).wait();
        Ok(Self { sink, group })
    }

    /// Logs a record, and notes what that cost this thread.
    pub(crate) fn log(&self, way: Way, record: &[u8], meter: &mut Meter) -> Result<(), Stopped> {
        if self.sink.stop().is_some() {
            return Err(Stopped);
        }
        let mut waited = false;
        let begun = Instant::now();
        let logged = match way {
            Way::Direct => self.write(record),
            Way::Offloaded => self.offload(record, &mut waited),
        };
        let cost = begun.elapsed();
        if logged.is_ok() {
            meter.note(cost, waited);
        }
        logged
    }

    fn write(&self, record: &[u8]) -> Result<(), Stopped> {
        if self.sink.write(record, &[record.len()]) { Ok(()) } else { Err(Stopped) }
    }

    fn offload(&self, record: &[u8], waited: &mut bool) -> Result<(), Stopped> {
        let record: Box<[u8]> = record.into();
        let queued = match self.group.try_offload(move || Writer::append(&record)) {
            Err(rejected) if rejected.is_full() => {
                *waited = true;
                self.group.offload_wait(rejected.into_job()).wait()
            }
            other => other,
        };
        queued.map(|job| job.detach()).map_err(|rejected| self.give_up(&rejected))
    }

    fn give_up<F>(&self, rejected: &Rejected<F>) -> Stopped {
        self.sink.fail(io::Error::other(rejected.to_string()));
        Stopped
    }

    /// Waits until all that was offloaded is written.
    pub(crate) fn drain(&self) {
        self.group.drain().wait();
    }

    /// How many records have been written, by either way.
    pub(crate) fn written(&self) -> u64 {
        self.sink.records()
    }

    /// Ends the group. Returns how many threads it had, and why writing had stopped, if it had.
    pub(crate) fn finish(&self) -> (usize, Option<io::Error>) {
        let left = self.group.shutdown(Duration::from_secs(60));
        if !left.is_nothing() {
            self.sink.fail(io::Error::other(format!("the log group did not end: {left}")));
        }
        let stop = self.sink.stop().map(|error| match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        });
        (self.group.stats().peak_threads, stop)
    }
}
