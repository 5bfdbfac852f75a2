//! One thread keeps some jobs in flight; each end brings the next one.

use super::{group, metered, metered_with_rings};
use crate::event_loop::EventLoop;
use aside::Group;
use aside_benches::figures::Figures;
use futures::StreamExt;
use futures::executor::block_on;
use futures::stream::FuturesUnordered;
use std::cell::Cell;
use std::rc::Rc;

const IN_FLIGHT: usize = 64;

pub(super) fn futures() -> Box<dyn FnMut(usize) -> Figures> {
    let group = group();
    Box::new(move |jobs| {
        metered(jobs, |_| {
            block_on(async {
                let mut window = FuturesUnordered::new();
                for _ in 0..jobs {
                    if window.len() == IN_FLIGHT {
                        window.next().await;
                    }
                    window.push(group.offload(|| ()));
                }
                while window.next().await.is_some() {}
            });
        })
    })
}

struct Window {
    group: Group,
    events: EventLoop,
    left: Cell<usize>,
}

pub(super) fn callbacks(events: EventLoop) -> Box<dyn FnMut(usize) -> Figures> {
    let window = Rc::new(Window { group: group(), events, left: Cell::new(0) });
    Box::new(move |jobs| {
        metered_with_rings(jobs, &window.events, |_| {
            window.left.set(jobs);
            for _ in 0..IN_FLIGHT {
                submit_next(&window);
            }
            window.events.run();
        })
    })
}

fn submit_next(window: &Rc<Window>) {
    let Some(left) = window.left.get().checked_sub(1) else { return };
    window.left.set(left);
    let again = window.clone();
    window.group.offload(|| ()).on_done_in(&window.events.completions, move |outcome| {
        outcome.expect("the job does not fail");
        submit_next(&again);
    });
}
