//! One run: phases, in which the ways take turns.

use crate::meter::Meter;
use crate::outlet::{Outlet, Way};
use std::io;

/// What came of the phases of one way.
pub(crate) struct Figures {
    pub(crate) meter: Meter,
    /// Lines that came out of the sink in these phases, as it counted them, and in how many writes.
    pub(crate) written: u64,
    pub(crate) writes: u64,
}

impl Figures {
    pub(crate) fn lost(&self) -> u64 {
        self.meter.accepted().saturating_sub(self.written)
    }
}

pub(crate) struct Run<'a> {
    pub(crate) outlet: &'a Outlet,
    figures: [Figures; Way::COUNT],
    threads: usize,
}

impl<'a> Run<'a> {
    pub(crate) fn new(outlet: &'a Outlet) -> Self {
        let figures = Way::ALL.map(|_| Figures { meter: Meter::new(), written: 0, writes: 0 });
        Self { outlet, figures, threads: 0 }
    }

    /// Does `work`, which logs so many lines by one way, and sees them written.
    pub(crate) fn phase<R>(&mut self, way: Way, work: impl FnOnce() -> (u64, R)) -> R {
        let outlet = self.outlet;
        let before = outlet.sink.count();
        let (lines, result) = work();
        outlet.drain(before.lines() + lines);
        let after = outlet.sink.count();
        let figures = &mut self.figures[way as usize];
        figures.written += after.lines() - before.lines();
        figures.writes += after.writes - before.writes;
        result
    }

    /// Adds what one logging thread has measured.
    pub(crate) fn add(&mut self, meters: &[Meter; Way::COUNT]) {
        for (figures, meter) in self.figures.iter_mut().zip(meters) {
            figures.meter.add(meter);
        }
        self.threads += 1;
    }

    pub(crate) fn finish(self, conditions: Conditions) -> Section {
        Section { conditions, figures: self.figures, threads: self.threads }
    }
}

/// How the sink was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conditions {
    AsItIs,
    Stalling,
}

pub(crate) struct Section {
    pub(crate) conditions: Conditions,
    /// Of the ways, in their order.
    pub(crate) figures: [Figures; Way::COUNT],
    pub(crate) threads: usize,
}

pub(crate) struct Report {
    pub(crate) sections: Vec<Section>,
    /// Why writing stopped early, if it did.
    pub(crate) stop: Option<io::Error>,
}

impl Report {
    fn sum(&self, of: impl Fn(&Figures) -> u64) -> u64 {
        self.sections.iter().flat_map(|section| &section.figures).map(of).sum()
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.sum(|figures| figures.meter.accepted())
    }

    pub(crate) fn written(&self) -> u64 {
        self.sum(|figures| figures.written)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.sum(Figures::lost)
    }
}
