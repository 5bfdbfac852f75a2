//! A shutdown, from outside or from inside a job, in the middle of what lanes are used for: every job runs or is cancelled, none after a shutdown
//! that left nothing, every value comes back, and nothing hangs.
#![cfg(unix)]

mod util;

use aside::{Catch, Deadline, Group, JobError, Lane};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use util::process::eventually;
use util::{Counter, DropCounter, DropToken, watchdog};

const SUBMITTERS: usize = 3;
const JOBS: usize = 40;

/// What the jobs of a round report to.
#[derive(Clone, Default)]
struct Seen {
    closures: DropCounter,
    values: DropCounter,
    made: Counter,
    ran: Counter,
    /// Jobs that began after the end of a shutdown.
    late: Counter,
    ended: Arc<AtomicBool>,
}

impl Seen {
    fn job(&self) -> impl FnOnce(&mut DropToken) + Send + 'static {
        let (seen, token) = (self.clone(), self.closures.token());
        self.made.add();
        move |_| {
            if seen.ended.load(Ordering::SeqCst) {
                seen.late.add();
            }
            seen.ran.add();
            drop(token);
        }
    }
}

/// Uses the lanes in every way there is. Returns how many jobs were cancelled, or refused.
fn submit(random: &mut fastrand::Rng, group: &Group, lanes: &[Lane<DropToken>], seen: &Seen) -> usize {
    let mut jobs: Vec<Catch<()>> = Vec::new();
    let mut waiting = Vec::new();
    let mut never_ran = 0;
    for _ in 0..JOBS {
        let lane = &lanes[random.usize(0..lanes.len())];
        let job = seen.job();
        match random.usize(0..6) {
            0 | 1 => jobs.push(lane.offload(job).catch()),
            2 => match lane.try_offload(job) {
                Ok(offload) => jobs.push(offload.catch()),
                Err(rejected) => {
                    drop(rejected.into_job());
                    never_ran += 1;
                }
            },
            3 => never_ran += usize::from(lane.offload(job).cancel().wait().is_none()),
            4 => {
                let inner = lane.clone();
                match group.try_offload(move || inner.offload(job).catch().wait().is_err()) {
                    Ok(offload) => waiting.push(offload.catch()),
                    Err(_) => never_ran += 1,
                }
            }
            _ => {
                jobs.push(lane.offload(job).catch());
                let _ = lane.drain().wait_deadline(Duration::ZERO);
            }
        }
    }
    for job in jobs {
        match job.wait() {
            Ok(()) => {}
            Err(JobError::Cancelled) => never_ran += 1,
            Err(JobError::Panicked(panic)) => panic.resume(),
        }
    }
    // Who was cancelled itself had no time to submit.
    never_ran + waiting.into_iter().map(|job| usize::from(job.wait().unwrap_or(true))).sum::<usize>()
}

fn round(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let threads = random.usize(1..4);
    let group = Group::builder().min_threads(random.usize(0..2)).max_threads(threads).build().unwrap();
    let seen = Seen::default();
    let lanes: Vec<_> = (0..random.usize(1..4)).map(|_| group.lane(seen.values.token())).collect();
    let start = Arc::new(Barrier::new(SUBMITTERS + 1));
    let submitting: Vec<_> = (0..SUBMITTERS)
        .map(|_| {
            let (group, lanes, seen, start) = (group.clone(), lanes.clone(), seen.clone(), start.clone());
            let mut random = random.fork();
            std::thread::spawn(move || {
                start.wait();
                submit(&mut random, &group, &lanes, &seen)
            })
        })
        .collect();
    start.wait();
    for _ in 0..random.usize(0..3_000) {
        std::hint::spin_loop();
    }
    let soon = [Duration::ZERO, Duration::from_millis(1)][random.usize(0..2)];
    let end = {
        let (group, seen) = (group.clone(), seen.clone());
        move |deadline: Deadline, inside: usize| {
            let left = group.shutdown(deadline);
            if left.running == inside {
                seen.ended.store(true, Ordering::SeqCst);
            }
        }
    };
    match random.usize(0..5) {
        0 => end(Deadline::NEVER, 0),
        1 => end(soon.into(), 0),
        // With every thread in it, it would wait for ever for those who are queued.
        2 => group.offload(move || end(soon.into(), 1)).wait(),
        // What is behind it in the lane comes after it.
        3 => lanes[0].offload(move |_| end(soon.into(), usize::MAX)).wait(),
        _ => {
            let lane = lanes[0].clone();
            group.offload(move || lane.offload(move |_| end(soon.into(), usize::MAX)).wait()).wait();
        }
    }
    let taken = lanes[0].clone();
    let taking = random.bool().then(|| taken.into_inner());
    let never_ran: usize = submitting.into_iter().map(|thread| thread.join().unwrap()).sum();
    if let Some(taking) = taking {
        drop(taking.wait().expect("the value is there"));
    }
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
    assert_eq!((seen.made.get(), seen.closures.count()), (SUBMITTERS * JOBS, SUBMITTERS * JOBS));
    assert_eq!(seen.ran.get() + never_ran, SUBMITTERS * JOBS);
    assert_eq!(seen.late.get(), 0, "began after the end");
    let values = lanes.len();
    drop((lanes, group));
    eventually("each value is dropped once", || seen.values.count() == values);
}

#[test]
fn against_all_that_lanes_do() {
    for seed in 0..400 {
        let _watchdog = watchdog();
        round(seed);
    }
}
