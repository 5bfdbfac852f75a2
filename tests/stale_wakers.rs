//! A wait that was given up leaves its waker in the job. That may be called at any time, and must confuse no later wait.

mod util;

use aside::Group;
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use util::{start_job, watchdog};

/// How long each of the tests tries to meet the moment.
const TRY: Duration = Duration::from_secs(1);

fn spin(rounds: usize) {
    (0..rounds).for_each(|_| spin_loop());
}

/// Two jobs end at about the same time; the thread has given up waiting for the one, and waits for the other.
#[test]
fn a_later_wait_hears_its_own_job() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let begin = Instant::now();
    while begin.elapsed() < TRY {
        let go = Arc::new(AtomicBool::new(false));
        let job = |delay| {
            let go = go.clone();
            move || {
                while !go.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                spin(delay);
            }
        };
        let given_up = group.offload(job(random.usize(0..200)));
        let given_up = given_up.wait_deadline(Duration::ZERO).expect_err("it cannot end yet");
        let waited_for = group.offload(job(random.usize(0..200)));
        go.store(true, Ordering::Relaxed);
        spin(random.usize(0..200));
        waited_for.wait();
        given_up.wait();
    }
}

/// Many wakers of the same thread, called all through its wait.
#[test]
fn a_later_wait_survives_a_hail_of_calls() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let begin = Instant::now();
    while begin.elapsed() < TRY {
        let running = start_job(&group, || ());
        let given_up: Vec<_> = (0..50)
            .map(|_| {
                let job = group.offload(|| ());
                job.wait_deadline(Duration::ZERO)
            })
            .collect();
        let waited_for = group.offload(|| ());
        running.gate.open();
        waited_for.wait();
        drop(given_up);
        running.offload.wait();
    }
}

/// A drain that was given up takes its waker with it.
#[test]
fn a_drain_that_was_given_up_calls_nobody() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let begin = Instant::now();
    while begin.elapsed() < TRY {
        let running = start_job(&group, || ());
        assert!(!group.drain().wait_deadline(Duration::ZERO));
        let given_up = group.offload(|| ()).wait_deadline(Duration::ZERO);
        running.gate.open();
        group.drain().wait();
        drop(given_up);
        assert!(running.offload.is_finished());
    }
}
