//! One measurement, in a process of its own.

use crate::case::Case;
use crate::workload::{self, Workload};
use aside_benches::child;
use aside_benches::ticks;

/// What to measure.
pub(crate) struct Order {
    pub(crate) case: Case,
    pub(crate) quick: bool,
}

/// Prints the figures, as one line.
pub(crate) fn run(order: &Order) -> ! {
    child::watch();
    let mut figures = match order.case.workload {
        Workload::Latency => workload::latency::run(order),
        Workload::Events | Workload::Events4 => workload::events::run(order),
        Workload::Drained if order.case.writer.is_limit() => workload::drained::run_loop(order),
        _ => workload::run(order),
    };
    if figures.get("p50").is_some() {
        figures.set("timer", ticks::own_ns());
    }
    child::report(&figures);
}
