//! One measurement, in a process of its own: no pool finds the caches, the heap or the threads of another.

use crate::alloc;
use crate::figures::Figures;
use crate::limit;
use crate::peer::Peer;
use crate::pool::{Pool, Visitor};
use crate::threads;
use crate::workload::Workload;
use aside_benches::child::{self, HARNESS_THREADS};
use std::thread;
use std::time::Duration;

/// tokio's threads, and aside's, stay 10 s.
const IDLE: Duration = Duration::from_secs(12);
const WATCHED: Duration = Duration::from_secs(2);

/// What to measure.
pub(crate) struct Order {
    pub(crate) workload: Workload,
    pub(crate) peer: Peer,
    pub(crate) quick: bool,
    pub(crate) idle: bool,
}

/// Prints the figures, as one line.
pub(crate) fn run(order: &Order) -> ! {
    child::watch();
    let figures = if order.peer == Peer::Limit {
        let mut figures = limit::run(order.workload, order.workload.jobs(order.quick));
        add_allocations(order, &mut figures, |jobs| limit::run(order.workload, jobs));
        figures
    } else {
        order.peer.with_pool(order.workload.caps(), order)
    };
    child::report(&figures);
}

impl Visitor for &Order {
    type Output = Figures;

    fn visit<P: Pool>(self, pool: &P) -> Figures {
        let run = |jobs| self.workload.run(pool, jobs, self.quick);
        let mut figures = run(self.workload.jobs(self.quick));
        if self.idle {
            add_aftermath(&mut figures);
        } else {
            add_allocations(self, &mut figures, run);
        }
        figures
    }
}

/// In a second run, on the same pool.
fn add_allocations(order: &Order, figures: &mut Figures, run: impl FnOnce(usize) -> Figures) {
    if let Some(jobs) = order.workload.jobs_to_count(order.quick) {
        alloc::count_from_now(true);
        let counted = run(jobs);
        alloc::count_from_now(false);
        figures.set("allocations", counted.get("allocations").expect("the meter counts them"));
    }
}

/// What is left of the pool when there has been nothing to do for some time.
fn add_aftermath(figures: &mut Figures) {
    thread::sleep(IDLE);
    figures.set("threads_later", threads::count().saturating_sub(HARNESS_THREADS) as f64);
    let before = threads::switches_of_others();
    thread::sleep(WATCHED);
    figures.set("switches_later", threads::switches_of_others().saturating_sub(before) as f64);
}
