//! Lanes used from inside themselves, with foreign code that panics wherever it can: each job and each value ends exactly once.

mod util;

use aside::{Completions, Failure, Group, JobError, Lane, Offload};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake};
use std::thread;
use std::time::Duration;
use util::probe_waker::ProbeWaker;
use util::{Counter, DropBomb, DropCounter, DropToken, Gate, expected_panic, hold_thread, hush};
use util::{panic_of, single_thread_group, start_job, watchdog};

/// A job of the lane that stops there until the gate is opened.
fn hold_lane<T: Send + 'static>(lane: &Lane<T>) -> (Gate, Offload<()>) {
    let gate = Gate::new();
    let (start, started) = mpsc::channel();
    let job = lane.offload({
        let gate = gate.clone();
        move |_| {
            start.send(()).unwrap();
            gate.pass();
        }
    });
    started.recv().unwrap();
    (gate, job)
}

#[test]
fn a_callback_submits_to_its_own_lane() {
    fn again(lane: Lane<u32>, left: u32, tell: mpsc::Sender<Lane<u32>>) {
        let next = lane.clone();
        lane.offload(|n| {
            *n += 1;
            Ok::<_, ()>(())
        })
        .on_complete(
            move |()| if left > 0 { again(next, left - 1, tell) } else { tell.send(next).unwrap() },
            |_| unreachable!(),
        );
    }
    let _watchdog = watchdog();
    let (tell, hear) = mpsc::channel();
    again(single_thread_group().lane(0), 1_000, tell);
    assert_eq!(hear.recv().unwrap().into_inner().wait(), Some(1_001));
}

/// A job that is taken while the lane is being closed runs, also if it comes to stand behind the one that takes the value.
/// At full speed; a model (`a_push_against_into_inner`) is what finds it if the last job leaves behind those that it has overtaken.
#[test]
fn what_a_closing_lane_accepts_it_runs() {
    const ROUNDS: usize = 100;
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    for _ in 0..ROUNDS {
        let lane = group.lane(0);
        let pushing = [(); 2].map(|()| {
            let lane = lane.clone();
            thread::spawn(move || {
                let mut accepted = Vec::new();
                let rejected = loop {
                    match lane.try_offload(|n| *n += 1) {
                        Ok(job) => accepted.push(job.catch()),
                        Err(rejected) => break rejected,
                    }
                };
                assert!(rejected.is_closed());
                accepted
            })
        });
        while lane.queued() == 0 {
            thread::yield_now();
        }
        let value = lane.into_inner().wait();
        let accepted: Vec<_> = pushing.into_iter().flat_map(|pusher| pusher.join().unwrap()).collect();
        assert_eq!(value, Some(accepted.len()));
        accepted.into_iter().for_each(|job| job.wait().unwrap());
    }
}

#[test]
fn a_callback_drops_the_last_handle() {
    let _watchdog = watchdog();
    for has_more in [false, true] {
        let (group, drops, ran) = (single_thread_group(), DropCounter::new(), Counter::new());
        let lane = group.lane(drops.token());
        let (gate, _job) = hold_lane(&lane);
        let (last, count) = (lane.clone(), ran.clone());
        lane.offload(|_| ()).on_done(move |_| drop(last));
        if has_more {
            lane.offload(move |_| count.add()).detach();
        }
        drop(lane);
        gate.open();
        group.drain().wait();
        assert_eq!((drops.count(), ran.get()), (1, has_more.into()));
        group.offload(|| ()).wait();
    }
}

#[test]
fn a_callback_takes_the_value() {
    let _watchdog = watchdog();
    for shut_down in [false, true] {
        let group = single_thread_group();
        let lane = group.lane(0);
        let (gate, job) = hold_lane(&lane);
        let (tell, hear) = mpsc::channel();
        let taking = lane.clone();
        job.on_done(move |_| tell.send(taking.into_inner()).unwrap());
        let behind = lane.offload(|n| *n += 1).catch();
        if shut_down {
            let _ = group.shutdown(Duration::ZERO);
        }
        gate.open();
        // Accepted before the callback closed the lane.
        let value = hear.recv().unwrap();
        assert_eq!(behind.wait().is_ok(), !shut_down);
        assert_eq!(value.wait(), Some(i32::from(!shut_down)));
        assert!(lane.is_closed());
    }
}

/// In the thread that dispatches them.
#[test]
fn dispatched_callbacks_submit_and_end_the_lane() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let lane = group.lane(0);
    let outcomes = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let (seen, other) = (outcomes.clone(), lane.clone());
    let job = lane.offload(|n| {
        *n += 1;
        Ok::<i32, ()>(*n)
    });
    job.on_complete_in(
        &completions,
        move |n| {
            assert_eq!(n, 1);
            let more = other.offload(|n| *n += 1);
            more.wait();
            assert_eq!(other.clone().into_inner().wait(), Some(2));
            seen.borrow_mut().push("taken");
            assert!(matches!(other.offload(|_| ()).catch().wait(), Err(JobError::Cancelled)));
        },
        |_| unreachable!(),
    );
    while completions.pending() > 0 {
        completions.wait(None);
    }
    let seen = outcomes.clone();
    lane.offload(|_| Ok::<(), ()>(())).on_complete_in(
        &completions,
        |()| unreachable!(),
        move |failure| {
            assert!(matches!(failure, Failure::Cancelled));
            seen.borrow_mut().push("cancelled");
        },
    );
    drop(lane);
    while completions.pending() > 0 {
        completions.wait(None);
    }
    assert_eq!(*outcomes.borrow(), ["taken", "cancelled"]);
}

#[test]
fn a_value_whose_destructor_panics() {
    let _watchdog = watchdog();
    hush();
    let (group, drops) = (single_thread_group(), DropCounter::new());
    // Dropped with the last handle.
    let lane = group.lane(drops.bomb());
    let job = lane.offload(|_| ());
    drop(lane);
    job.wait();
    group.drain().wait();
    assert_eq!(drops.count(), 1);
    // Taken by nobody: before it has come, and after.
    for has_come in [false, true] {
        let before = drops.count();
        let held = hold_thread(&group);
        let taking = group.lane(drops.bomb()).into_inner();
        if has_come {
            held.release();
            group.drain().wait();
            drop(taking);
        } else {
            drop(taking);
            held.release();
        }
        group.drain().wait();
        assert_eq!(drops.count(), before + 1);
    }
    // Replaced by a job.
    let lane = group.lane(Some(drops.bomb()));
    let before = drops.count();
    let replacing = lane.offload(|value: &mut Option<DropBomb>| *value = None).catch();
    assert!(matches!(replacing.wait(), Err(JobError::Panicked(_))));
    assert!(lane.is_poisoned());
    lane.drain().wait();
    std::mem::forget(lane.into_inner().wait().unwrap());
    assert_eq!(drops.count(), before + 1);
    // Left over by a shutdown.
    let held = hold_thread(&group);
    let lane = group.lane(drops.bomb());
    let before = drops.count();
    let job = lane.offload(|_| ()).catch();
    let _ = group.shutdown(Duration::ZERO);
    assert!(job.wait().is_err());
    let dropping = thread::spawn(move || drop(lane));
    let _ = dropping.join();
    held.release();
    assert_eq!(drops.count(), before + 1);
}

/// Run, cancelled one by one, cancelled with the lane's group; each with jobs behind that must not suffer.
#[test]
fn closures_and_outputs_whose_destructors_panic() {
    let _watchdog = watchdog();
    hush();
    let (group, drops) = (single_thread_group(), DropCounter::new());
    let lane = group.lane(0);
    let (gate, _job) = hold_lane(&lane);
    let bombs = || drops.bomb();
    let ran = {
        let bomb = bombs();
        lane.offload(move |n| {
            *n += 1;
            drop(bomb);
        })
        .catch()
    };
    let cancelled = {
        let bomb = bombs();
        lane.offload(move |_| drop(bomb))
    };
    panic_of(move || drop(cancelled));
    let unwanted = {
        let bomb = bombs();
        lane.offload(move |n| {
            *n += 1;
            bomb
        })
    };
    unwanted.detach();
    let behind = lane.offload(|n| *n);
    gate.open();
    assert!(matches!(ran.wait(), Err(JobError::Panicked(_))));
    assert_eq!(behind.wait(), 2);
    assert_eq!(drops.count(), 3);

    let (gate, running) = hold_lane(&lane);
    let called = Counter::new();
    let doomed: Vec<_> = (0..10)
        .map(|_| {
            let (bomb, called) = (bombs(), called.clone());
            lane.offload(|_| ()).on_done(move |_| {
                called.add();
                expected_panic("a callback");
            });
            lane.offload(move |_| drop(bomb)).catch()
        })
        .collect();
    let token = drops.token();
    let last = lane.offload(move |_| drop(token)).catch();
    let _ = group.shutdown(Duration::ZERO);
    gate.open();
    running.wait();
    for job in doomed {
        assert!(matches!(job.wait(), Err(JobError::Cancelled)));
    }
    assert!(matches!(last.wait(), Err(JobError::Cancelled)));
    assert_eq!((drops.count(), called.get()), (14, 10));
    assert_eq!(lane.into_inner().wait(), Some(2));
}

/// A turn that is dropped unused cancels all that waits, whatever panics there.
#[test]
fn bombs_in_a_lane_whose_turn_never_comes() {
    let _watchdog = watchdog();
    hush();
    let (group, drops) = (single_thread_group(), DropCounter::new());
    let held = hold_thread(&group);
    let lane = group.lane(drops.token());
    let doomed: Vec<_> = (0..10)
        .map(|_| {
            let bomb = drops.bomb();
            lane.offload(move |_: &mut DropToken| drop(bomb)).catch()
        })
        .collect();
    let _ = group.shutdown(Duration::ZERO);
    for job in doomed {
        assert!(matches!(job.wait(), Err(JobError::Cancelled)));
    }
    assert_eq!((drops.count(), lane.queued()), (10, 0));
    drop(lane.into_inner().wait().unwrap());
    assert_eq!(drops.count(), 11);
    held.release();
}

/// Behind the job that takes the value.
#[test]
fn bombs_that_come_too_late() {
    let _watchdog = watchdog();
    hush();
    let (group, drops) = (single_thread_group(), DropCounter::new());
    for _ in 0..50 {
        let (lane, before) = (group.lane(0_usize), drops.count());
        let pushers: Vec<_> = (0..2)
            .map(|_| {
                let (lane, bombs) = (lane.clone(), drops.clone());
                thread::spawn(move || {
                    for _ in 0..20 {
                        let bomb = bombs.bomb();
                        lane.offload(move |n| {
                            *n += 1;
                            std::mem::forget(bomb);
                        })
                        .detach();
                    }
                })
            })
            .collect();
        let ran = lane.into_inner().wait().unwrap();
        // A bomb that goes off in a pusher's hand is contained there.
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        group.drain().wait();
        assert_eq!(drops.count() - before, 40 - ran);
    }
}

#[test]
fn wakers_that_panic() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let lane = group.lane(0);
    let (gate, holding) = hold_lane(&lane);
    let probes = [(); 3].map(|()| ProbeWaker::new());
    probes[0].panic_when_woken(true);
    probes[1].panic_when_dropped(true);
    probes[2].panic_when_woken(true);
    probes[2].panic_when_dropped(true);
    let jobs: Vec<_> = probes
        .iter()
        .map(|probe| {
            let mut job = lane.offload(|n| *n += 1).catch();
            assert!(Pin::new(&mut job).poll(&mut Context::from_waker(probe.waker())).is_pending());
            job
        })
        .collect();
    let behind = lane.offload(|n| *n += 1);
    gate.open();
    behind.wait();
    holding.wait();
    for (job, probe) in jobs.into_iter().zip(&probes) {
        assert!(job.wait().is_ok());
        assert_eq!((probe.wakes(), probe.clones()), (1, probe.drops()));
    }
    assert!(!lane.is_poisoned(), "no job has panicked");
    // One that clones with a panic is the poller's affair.
    let probe = ProbeWaker::new();
    probe.panic_when_cloned(true);
    let (gate, _job) = hold_lane(&lane);
    let mut taking = lane.into_inner();
    panic_of(|| Pin::new(&mut taking).poll(&mut Context::from_waker(probe.waker())).is_pending());
    gate.open();
    assert_eq!(taking.wait(), Some(4));
}

#[test]
fn panics_of_jobs_one_after_another() {
    let _watchdog = watchdog();
    hush();
    let group = Group::builder().max_threads(2).build().unwrap();
    let lane = group.lane(0);
    let jobs: Vec<_> = (0..500)
        .map(|n| {
            lane.offload(move |sum| {
                *sum += 1;
                if n % 2 == 0 {
                    expected_panic("every other one");
                }
            })
            .catch()
        })
        .collect();
    for (n, job) in jobs.into_iter().enumerate() {
        assert_eq!(job.wait().is_ok(), n % 2 == 1);
    }
    assert_eq!(lane.into_inner().wait(), Some(500));
    let after = start_job(&group, || 1);
    after.gate.open();
    assert_eq!(after.offload.wait(), 1);
}

/// A waker that those call who find the group closed may use the lane that they were about to push to.
#[test]
fn a_waker_called_by_a_refused_push_uses_the_lane() {
    struct UsesLane(Lane<u32>);
    impl Wake for UsesLane {
        fn wake(self: Arc<Self>) {
            self.0.drain().wait();
        }
    }
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (lane, held) = (group.lane(0), hold_thread(&group));
    let _ = group.shutdown(Duration::ZERO);
    let mut drain = group.drain();
    let waker = Arc::new(UsesLane(lane.clone())).into();
    assert!(Pin::new(&mut drain).poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(lane.offload(|_| ()).catch().wait().is_err());
    drop(drain);
    held.release();
}
