//! One measurement, in a process of its own.

use crate::case::Case;
use aside_benches::{alloc, child};

/// Prints the figures, as one line. Of three runs on the same group and the same `Completions`: the first one (`first_ns`: everything is
/// cold, and the tables grow), one in the steady state, and one that counts allocations, which would slow the others.
pub(crate) fn run(case: Case, quick: bool) -> ! {
    child::watch();
    let jobs = case.jobs(quick);
    let mut run = case.prepare(quick);
    let first = run(jobs);
    let mut figures = run(jobs);
    if let Some(total) = first.get("total_ns") {
        figures.set("first_ns", total);
    }
    alloc::count_from_now(true);
    let counted = run(jobs);
    alloc::count_from_now(false);
    figures.set("allocations", counted.get("allocations").expect("the meter counts them"));
    child::report(&figures);
}
