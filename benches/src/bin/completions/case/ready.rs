//! Some callbacks become ready while many others stay pending.

use super::{group, metered_with_rings, ns_per};
use crate::event_loop::{EventLoop, Wait};
use aside::Group;
use aside_benches::figures::Figures;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const READY: usize = 1_000;

/// `total_ns` is what dispatching takes for each callback that is ready; `submit_ns` the submitting and asking before.
pub(super) fn callbacks(pending: usize) -> Box<dyn FnMut(usize) -> Figures> {
    let events = EventLoop::new(Wait::Epoll);
    let (blocked, gate) = behind_a_blocked_thread();
    for _ in 0..pending {
        blocked.offload(|| ()).on_done_in(&events.completions, |_| ());
    }
    let group = group();
    Box::new(move |jobs| {
        // Kept, so that nothing comes through.
        let _gate = &gate;
        let (mut submitting, mut dispatching) = (Duration::ZERO, Duration::ZERO);
        let mut figures = metered_with_rings(jobs, &events, |_| {
            for _ in 0..jobs / READY {
                let start = Instant::now();
                for _ in 0..READY {
                    group.offload(|| ()).on_done_in(&events.completions, |_| ());
                }
                submitting += start.elapsed();
                group.drain().wait();
                let start = Instant::now();
                while events.completions.pending() > pending {
                    events.completions.dispatch();
                }
                dispatching += start.elapsed();
            }
        });
        figures.set("submit_ns", ns_per(submitting, jobs));
        figures.set("total_ns", ns_per(dispatching, jobs));
        figures
    })
}

/// A group of one thread, which waits for as long as the gate is there.
fn behind_a_blocked_thread() -> (Group, mpsc::Sender<()>) {
    let group = Group::builder().max_threads(1).build().expect("a group");
    let (at_gate, arrived) = mpsc::channel();
    let (open, gate) = mpsc::channel::<()>();
    group
        .offload(move || {
            at_gate.send(()).expect("somebody listens");
            let _ = gate.recv();
        })
        .detach();
    arrived.recv().expect("it gets there");
    (group, open)
}
