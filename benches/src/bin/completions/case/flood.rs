//! One thread submits everything, then waits for everything.

use super::{group, metered, metered_with_rings, ns_per};
use crate::event_loop::EventLoop;
use aside_benches::figures::Figures;
use futures::executor::block_on;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

pub(super) fn futures() -> Box<dyn FnMut(usize) -> Figures> {
    let group = group();
    Box::new(move |jobs| {
        let mut queued = Vec::with_capacity(jobs);
        metered(jobs, |figures| {
            let start = Instant::now();
            queued.extend((0..jobs).map(|_| group.offload(|| ())));
            figures.set("submit_ns", ns_per(start.elapsed(), jobs));
            block_on(async {
                for job in queued {
                    job.await;
                }
            });
        })
    })
}

pub(super) fn callbacks(events: EventLoop) -> Box<dyn FnMut(usize) -> Figures> {
    let group = group();
    Box::new(move |jobs| {
        let done = Rc::new(Cell::new(0));
        let figures = metered_with_rings(jobs, &events, |figures| {
            let start = Instant::now();
            for _ in 0..jobs {
                let done = done.clone();
                group.offload(|| ()).on_done_in(&events.completions, move |outcome| {
                    outcome.expect("the job does not fail");
                    done.set(done.get() + 1);
                });
            }
            figures.set("submit_ns", ns_per(start.elapsed(), jobs));
            events.run();
        });
        assert_eq!(done.get(), jobs);
        figures
    })
}
