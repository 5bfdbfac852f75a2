//! One run of the program: phases, by turns direct and offloaded.

use crate::meter::Meter;
use crate::outlet::{Outlet, Way};
use std::io;
use std::time::{Duration, Instant};

/// A meter for each way.
#[derive(Clone)]
pub(crate) struct Meters {
    direct: Meter,
    offloaded: Meter,
}

impl Meters {
    pub(crate) fn new() -> Self {
        Self { direct: Meter::new(), offloaded: Meter::new() }
    }

    pub(crate) fn of(&mut self, way: Way) -> &mut Meter {
        match way {
            Way::Direct => &mut self.direct,
            Way::Offloaded => &mut self.offloaded,
        }
    }
}

/// What came of the phases of one way.
pub(crate) struct Figures {
    pub(crate) meter: Meter,
    /// Records that came out of the sink in these phases, as it counted them.
    pub(crate) written: u64,
    /// From the start of each phase until its last byte was written.
    pub(crate) took: Duration,
}

impl Figures {
    fn new() -> Self {
        Self { meter: Meter::new(), written: 0, took: Duration::ZERO }
    }

    pub(crate) fn lost(&self) -> u64 {
        self.meter.accepted().saturating_sub(self.written)
    }
}

pub(crate) struct Run<'a> {
    pub(crate) outlet: &'a Outlet,
    direct: Figures,
    offloaded: Figures,
    logging_threads: usize,
}

impl<'a> Run<'a> {
    pub(crate) fn new(outlet: &'a Outlet) -> Self {
        Self { outlet, direct: Figures::new(), offloaded: Figures::new(), logging_threads: 0 }
    }

    /// Does `work`, which logs by one way, and sees all of that written.
    pub(crate) fn phase<R>(&mut self, way: Way, work: impl FnOnce() -> R) -> R {
        let outlet = self.outlet;
        let before = outlet.written();
        let begun = Instant::now();
        let result = work();
        if way == Way::Offloaded {
            outlet.drain();
        }
        let took = begun.elapsed();
        let figures = match way {
            Way::Direct => &mut self.direct,
            Way::Offloaded => &mut self.offloaded,
        };
        figures.took += took;
        figures.written += outlet.written() - before;
        result
    }

    /// Adds what one logging thread has measured.
    pub(crate) fn add(&mut self, meters: &Meters) {
        self.direct.meter.add(&meters.direct);
        self.offloaded.meter.add(&meters.offloaded);
        self.logging_threads += 1;
    }

    pub(crate) fn finish(self) -> Report {
        let (offload_threads, stop) = self.outlet.finish();
        Report {
            direct: self.direct,
            offloaded: self.offloaded,
            logging_threads: self.logging_threads,
            offload_threads,
            stop,
        }
    }
}

pub(crate) struct Report {
    pub(crate) direct: Figures,
    pub(crate) offloaded: Figures,
    pub(crate) logging_threads: usize,
    pub(crate) offload_threads: usize,
    /// Why writing stopped early, if it did.
    pub(crate) stop: Option<io::Error>,
}

impl Report {
    pub(crate) fn accepted(&self) -> u64 {
        self.direct.meter.accepted() + self.offloaded.meter.accepted()
    }

    pub(crate) fn written(&self) -> u64 {
        self.direct.written + self.offloaded.written
    }

    pub(crate) fn lost(&self) -> u64 {
        self.direct.lost() + self.offloaded.lost()
    }
}
