//! Jobs of lanes against jobs of their group.

use crate::child::{medians, repeated};
use aside::{Group, Lane, Offload};
use aside_benches::alloc;
use aside_benches::child::HARNESS_THREADS;
use aside_benches::figures::Figures;
use aside_benches::group::started;
use aside_benches::meter::{metered, ns_per};
use aside_benches::threads;
use futures::executor::block_on;
use std::thread;
use std::time::{Duration, Instant};

/// How many times in a row, of which the median is taken.
const TIMES: usize = 9;
/// The same lanes so often in one measurement: a single time is too short for one.
const ROUNDS: usize = 10;
const KEEP_ALIVE: Duration = Duration::from_millis(200);

/// One thread submits everything, then awaits everything.
pub(super) fn flood_group(jobs: usize) -> Figures {
    let group = started(Group::builder());
    flood(jobs, || group.offload(|| ()))
}

pub(super) fn flood_lane(jobs: usize) -> Figures {
    let lane = started(Group::builder()).lane(0_u64);
    flood(jobs, || lane.offload(|_| ()))
}

fn flood(jobs: usize, mut submit: impl FnMut() -> Offload<()>) -> Figures {
    let mut run = |jobs| {
        let mut queued = Vec::with_capacity(jobs);
        metered(jobs, |figures| {
            let start = Instant::now();
            queued.extend((0..jobs).map(|_| submit()));
            figures.set("submit_ns", ns_per(start.elapsed(), jobs));
            await_all(&mut queued);
        })
    };
    let mut figures = repeated(TIMES, |_| run(jobs));
    count_allocations(&mut figures, || run(jobs));
    figures
}

/// A job for each, and the same again: of the group ...
pub(super) fn spread_group(lanes: usize) -> Figures {
    let group = started(Group::builder());
    spread(lanes, |_| group.offload(|| ()))
}

/// ... and of as many lanes, which are there before.
pub(super) fn spread_lanes(lanes: usize) -> Figures {
    let group = started(Group::builder());
    let list: Vec<_> = (0..lanes).map(|_| group.lane(0_u64)).collect();
    spread(lanes, |index| list[index].offload(|_| ()))
}

fn spread(lanes: usize, mut submit: impl FnMut(usize) -> Offload<()>) -> Figures {
    let mut queued = Vec::with_capacity(lanes);
    let mut run = |rounds| {
        metered(lanes * rounds, |figures| {
            let mut submitting = Duration::ZERO;
            for _ in 0..rounds {
                let start = Instant::now();
                queued.extend((0..lanes).map(&mut submit));
                submitting += start.elapsed();
                await_all(&mut queued);
            }
            figures.set("submit_ns", ns_per(submitting, lanes * rounds));
        })
    };
    let mut figures = Figures::default();
    figures.set("first_ns", run(1).get("total_ns").expect("it is metered"));
    figures = medians((0..TIMES).map(|_| run(ROUNDS)), figures);
    count_allocations(&mut figures, || run(ROUNDS));
    figures
}

fn await_all(jobs: &mut Vec<Offload<()>>) {
    block_on(async {
        for job in jobs.drain(..) {
            job.await;
        }
    });
}

/// In a run of its own.
fn count_allocations(figures: &mut Figures, run: impl FnOnce() -> Figures) {
    alloc::count_from_now(true);
    let counted = run();
    alloc::count_from_now(false);
    figures.set("allocations", counted.get("allocations").expect("the meter counts them"));
}

/// What lanes hold that have run a job, all of them at a time, and have none.
pub(super) fn idle(lanes: usize) -> Figures {
    let group = started(Group::builder().keep_alive(KEEP_ALIVE));
    let least = threads::count();
    assert_eq!(least, HARNESS_THREADS + 1, "a group has one thread to begin with");
    let mut list: Vec<Lane<u64>> = Vec::with_capacity(lanes);
    let mut queued = Vec::with_capacity(lanes);
    alloc::count_from_now(true);
    let before = alloc::live_bytes();
    list.extend((0..lanes).map(|_| group.lane(0_u64)));
    queued.extend(list.iter().map(|lane| lane.offload(|value| *value += 1)));
    await_all(&mut queued);
    group.drain().wait();
    let bytes = alloc::live_bytes() - before;
    alloc::count_from_now(false);
    // Threads that were started for the jobs go.
    thread::sleep(2 * KEEP_ALIVE);
    let mut figures = Figures::default();
    figures.set("bytes", bytes as f64 / lanes as f64);
    figures.set("handle_bytes", size_of::<Lane<u64>>() as f64);
    figures.set("threads_held", threads::count() as f64 - least as f64);
    figures
}
