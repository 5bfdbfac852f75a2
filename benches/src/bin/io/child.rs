//! One measurement, in a process of its own.

use crate::case::Case;
use aside_benches::child;
use aside_benches::figures::{Figures, median};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What to measure.
pub(crate) struct Order {
    pub(crate) case: Case,
    pub(crate) quick: bool,
    /// The file to be read.
    pub(crate) input: PathBuf,
}

pub(crate) fn run(order: &Order) -> ! {
    child::watch();
    child::report(&order.case.run(order));
}

/// The medians of so many runs, after a first one of which only the time is told: everything is cold then.
pub(crate) fn repeated(times: usize, mut run: impl FnMut(usize) -> Figures) -> Figures {
    let mut figures = Figures::default();
    if let Some(first) = run(0).get("total_ns") {
        figures.set("first_ns", first);
    }
    medians((1..=times).map(run), figures)
}

/// Adds them to other figures.
pub(crate) fn medians(runs: impl Iterator<Item = Figures>, mut figures: Figures) -> Figures {
    let mut values = BTreeMap::<String, Vec<f64>>::new();
    for (key, value) in runs.flatten() {
        values.entry(key).or_default().push(value);
    }
    for (key, values) in values {
        figures.set(&key, median(&values).expect("there is one"));
    }
    figures
}
