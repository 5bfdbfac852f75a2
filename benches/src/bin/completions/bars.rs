//! What callbacks are held to.

use crate::case::Case;
use aside_benches::bars::{self, Bar};
use aside_benches::results::Results;

/// The bars that the run has figures for.
pub(crate) fn of(results: &Results<Case>) -> String {
    use Case::{
        FloodEpoll, FloodFutures, ReadyAlone, ReadyAmongPending, TripEpoll, TripWait, WindowEpoll, WindowWait,
    };
    let fixed = |case: Case, key: &str, limit: f64| {
        Some(Bar::at_most(format!("{} {key}", case.name()), results.median(case, key)?, limit))
    };
    let ratio = |case: Case, to: Case, key: &str, limit: f64| {
        let ratio = results.median(case, key)? / results.median(to, key)?;
        Some(Bar::at_most(format!("{} {key} ÷ {}", case.name(), to.name()), ratio, limit))
    };
    // One allocation is the job's own; and a thread of the harness may make one meanwhile.
    let allocations = |case: Case| {
        let beyond = (results.median(case, "allocations")? - 1.0).max(0.0);
        Some(Bar::at_most(format!("{} allocations beyond the job's own", case.name()), beyond, 0.001))
    };
    bars::table([
        ratio(FloodEpoll, FloodFutures, "first_ns", 1.3),
        ratio(FloodEpoll, FloodFutures, "total_ns", 1.3),
        fixed(FloodEpoll, "rings", 0.05),
        fixed(WindowWait, "total_ns", 1000.0),
        fixed(WindowEpoll, "total_ns", 1000.0),
        fixed(TripEpoll, "p50_us", 8.0),
        allocations(FloodEpoll),
        allocations(WindowWait),
        allocations(WindowEpoll),
        allocations(TripWait),
        allocations(TripEpoll),
        ratio(ReadyAmongPending, ReadyAlone, "total_ns", 1.5),
    ])
}
