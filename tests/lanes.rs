//! Jobs of a lane: in order, one at a time, over one value, with nothing lost.

mod util;

use aside::{Group, JobError, Lane, RejectReason};
use futures::executor::block_on;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use util::watchdog;

fn group(max_threads: usize) -> Group {
    Group::builder().max_threads(max_threads).build().unwrap()
}

/// Keeps a thread of the group inside a job until the sender is dropped.
fn block_a_thread(group: &Group) -> mpsc::Sender<()> {
    let (release, gate) = mpsc::channel::<()>();
    let (arrive, arrived) = mpsc::channel();
    group
        .offload(move || {
            arrive.send(()).unwrap();
            let _ = gate.recv();
        })
        .detach();
    arrived.recv().unwrap();
    release
}

#[test]
fn jobs_run_in_order_one_at_a_time() {
    let group = group(8);
    let lane = group.lane(Vec::new());
    let inside = Arc::new(AtomicUsize::new(0));
    let submitters: Vec<_> = (0..4)
        .map(|submitter| {
            let (lane, inside) = (lane.clone(), inside.clone());
            thread::spawn(move || {
                for n in 0..5_000 {
                    let inside = inside.clone();
                    lane.offload(move |list: &mut Vec<(usize, usize)>| {
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        list.push((submitter, n));
                        inside.fetch_sub(1, Ordering::SeqCst);
                    })
                    .detach();
                }
            })
        })
        .collect();
    for submitter in submitters {
        submitter.join().unwrap();
    }
    let list = lane.into_inner().wait().unwrap();
    assert_eq!(list.len(), 20_000);
    for submitter in 0..4 {
        let of_one: Vec<_> = list.iter().filter(|entry| entry.0 == submitter).map(|entry| entry.1).collect();
        assert_eq!(of_one, (0..5_000).collect::<Vec<_>>());
    }
}

#[test]
fn outputs_panics_and_poison() {
    let lane = group(2).lane(1_u32);
    assert_eq!(block_on(lane.offload(|n| *n + 1)), 2);
    let failed = lane.offload(|n| -> () {
        *n = 7;
        panic!("half-way")
    });
    let behind = lane.offload(|n| *n);
    assert!(
        matches!(failed.catch().wait(), Err(JobError::Panicked(panic)) if panic.message() == Some("half-way"))
    );
    assert_eq!(behind.wait(), 7, "a job behind one that panicked");
    assert!(lane.is_poisoned());
    lane.clear_poison();
    assert!(!lane.is_poisoned());
    assert_eq!(lane.into_inner().wait(), Some(7));
}

#[test]
fn a_dropped_future_cancels_and_a_detached_one_runs() {
    let group = group(1);
    let blocked = block_a_thread(&group);
    let lane = group.lane(Vec::new());
    lane.offload(|list| list.push("detached")).detach();
    let flag = Arc::new(());
    let held = flag.clone();
    drop(lane.offload(move |list| {
        list.push("dropped");
        drop(held);
    }));
    assert_eq!(Arc::strong_count(&flag), 1, "the closure is dropped at once");
    assert_eq!(lane.queued(), 1);
    drop(blocked);
    assert_eq!(lane.into_inner().wait(), Some(vec!["detached"]));
}

#[test]
fn a_full_lane_gives_the_closure_back() {
    let group = group(1);
    let blocked = block_a_thread(&group);
    let lane = Lane::builder().group(&group).queue_limit(2).build(0);
    let jobs = [(); 2].map(|()| lane.try_offload(|n| *n += 1).unwrap());
    let rejected = lane.try_offload(|n: &mut i32| *n += 10).unwrap_err();
    assert!(matches!(rejected.reason(), RejectReason::Full));
    let [first, second] = jobs;
    // A cancelled job gives its place back.
    drop(first);
    lane.try_offload(rejected.into_job()).unwrap().detach();
    drop(blocked);
    second.wait();
    assert_eq!(lane.into_inner().wait(), Some(11));
}

#[test]
fn into_inner_closes_the_lane_for_all_handles() {
    let lane = group(1).lane(String::from("kept"));
    let other = lane.clone();
    let value = lane.into_inner();
    assert!(other.is_closed());
    let rejected = other.try_offload(|text| text.len()).unwrap_err();
    assert!(rejected.is_closed());
    assert!(matches!(other.offload(|text| text.len()).catch().wait(), Err(JobError::Cancelled)));
    other.drain().wait();
    assert_eq!(other.into_inner().wait(), None);
    assert_eq!(value.wait().as_deref(), Some("kept"));
}

/// Sends the name of the thread that drops it.
struct Telltale(mpsc::Sender<Option<String>>);

impl Drop for Telltale {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().name().map(str::to_owned));
    }
}

#[test]
fn the_value_is_dropped_on_an_offload_thread_after_the_last_job() {
    let group = Group::builder().name("dropper").max_threads(1).build().unwrap();
    let (tell, told) = mpsc::channel();
    let blocked = block_a_thread(&group);
    let lane = group.lane(Telltale(tell));
    let (ran, has_run) = mpsc::channel();
    lane.offload(move |_| ran.send(())).detach();
    drop(lane);
    assert!(told.try_recv().is_err());
    drop(blocked);
    assert!(told.recv().unwrap().unwrap().starts_with("dropper"));
    assert!(has_run.try_recv().is_ok(), "the job came first");
    let (tell, told) = mpsc::channel();
    drop(group.lane(Telltale(tell)).into_inner());
    assert!(told.recv().unwrap().unwrap().starts_with("dropper"));
}

#[test]
fn a_shutdown_cancels_what_waits_and_gives_the_value() {
    let group = group(1);
    let blocked = block_a_thread(&group);
    let lane = group.lane(5);
    let jobs: Vec<_> = (0..10).map(|_| lane.offload(|n| *n).catch()).collect();
    let drained = lane.drain();
    let left = group.shutdown(Duration::ZERO);
    assert!(!left.is_nothing());
    for job in jobs {
        assert!(matches!(job.wait(), Err(JobError::Cancelled)));
    }
    drained.wait();
    assert!(lane.try_offload(|n| *n).unwrap_err().is_closed());
    assert_eq!(lane.into_inner().wait(), Some(5));
    drop(blocked);
}

#[test]
fn a_closed_group_runs_what_its_lanes_have_accepted() {
    let group = group(1);
    let blocked = block_a_thread(&group);
    let lane = group.lane(0);
    let job = lane.offload(|n| *n += 1);
    group.close();
    assert!(lane.try_offload(|n| *n += 1).is_err());
    drop(blocked);
    job.wait();
    assert_eq!(lane.into_inner().wait(), Some(1));
}

/// A closed group's queue may stall, too: what comes then gets another thread.
#[test]
fn the_value_comes_while_a_thread_of_a_closed_group_is_stuck() {
    let _watchdog = watchdog();
    let group = group(2);
    let blocked = block_a_thread(&group);
    let (lane, other) = (group.lane(5), group.lane(0));
    group.close();
    other.drain().wait();
    assert_eq!(lane.into_inner().wait(), Some(5));
    drop(blocked);
}

/// The only thread of the group waits for a lane's job: it must run it.
#[test]
fn waiting_inside_runs_the_lane() {
    let group = group(1);
    let lane = group.lane(Vec::new());
    let (inner, waiting) = (lane.clone(), group.clone());
    group
        .offload(move || {
            for n in 0..3 {
                inner.offload(move |list| list.push(n)).detach();
            }
            assert_eq!(inner.offload(|list: &mut Vec<i32>| list.len()).wait(), 3);
            waiting.offload(|| ()).wait();
        })
        .wait();
    assert_eq!(lane.into_inner().wait(), Some(vec![0, 1, 2]));
}

/// Every thread waits for a job far down in one lane, while the turn has reason to make way.
#[test]
fn waiting_inside_on_every_thread() {
    for _ in 0..20 {
        let group = group(2);
        let lane = group.lane(0_u64);
        let start = Arc::new(Barrier::new(2));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (lane, start) = (lane.clone(), start.clone());
                group.offload(move || {
                    start.wait();
                    for _ in 0..1_000 {
                        lane.offload(|n| *n += 1).detach();
                    }
                    lane.offload(|n| *n += 1).wait();
                })
            })
            .collect();
        for _ in 0..100 {
            group.offload(|| ()).detach();
        }
        for job in waiting {
            job.wait();
        }
        assert_eq!(lane.into_inner().wait(), Some(2_002));
    }
}

/// A lane with work without end shares its thread.
#[test]
fn a_busy_lane_makes_way() {
    let group = group(1);
    let lane = group.lane(0_u64);
    let (done, is_done) = mpsc::channel::<()>();
    let feeder = lane.clone();
    // Always one more behind the one that runs.
    fn feed(lane: Lane<u64>, done: mpsc::Receiver<()>) {
        let next = lane.clone();
        lane.offload(move |n| {
            *n += 1;
            if done.try_recv() == Err(mpsc::TryRecvError::Empty) {
                feed(next, done);
            }
        })
        .detach();
    }
    lane.offload(|_| ()).detach();
    feed(feeder, is_done);
    for _ in 0..100 {
        group.offload(|| ()).wait();
    }
    drop(done);
    assert!(lane.into_inner().wait().unwrap() > 0);
}

/// Two jobs that take longer than a turn may: the other job comes between them.
#[test]
fn long_jobs_make_way() {
    let group = group(1);
    let lane = group.lane(());
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |name: &'static str| {
        let order = order.clone();
        move || order.lock().unwrap().push(name)
    };
    let blocked = block_a_thread(&group);
    let jobs = ["long", "next"].map(|name| {
        let note = note(name);
        lane.offload(move |()| {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(2) {
                std::hint::spin_loop();
            }
            note();
        })
    });
    let other = group.offload(note("other"));
    drop(blocked);
    jobs.into_iter().for_each(aside::Offload::wait);
    other.wait();
    assert_eq!(*order.lock().unwrap(), ["long", "other", "next"]);
}

#[test]
fn ten_thousand_lanes() {
    let group = group(4);
    let lanes: Vec<_> = (0..10_000_u64).map(|n| group.lane(n)).collect();
    let jobs: Vec<_> = lanes.iter().map(|lane| lane.offload(|n| *n)).collect();
    let sum: u64 = jobs.into_iter().map(aside::Offload::wait).sum();
    assert_eq!(sum, 9_999 * 10_000 / 2);
    drop(lanes);
    group.drain().wait();
}

/// Handles, jobs, cancels and waits from many sides at once, on a group that ends in the midst of it.
#[test]
fn random_use_against_a_shutdown() {
    for seed in 0..30 {
        let group = group(2);
        let lane = Lane::builder().group(&group).queue_limit(50).build(0_u64);
        let accepted = Arc::new(AtomicUsize::new(0));
        let users: Vec<_> = (0..3)
            .map(|user| {
                let (lane, accepted) = (lane.clone(), accepted.clone());
                let mut random = fastrand::Rng::with_seed(seed * 10 + user);
                thread::spawn(move || {
                    for _ in 0..500 {
                        match random.u32(0..5) {
                            0 => drop(lane.offload(|n| *n += 1)),
                            1 => {
                                if let Ok(job) = lane.try_offload(|n| *n += 1) {
                                    job.detach();
                                }
                            }
                            2 => {
                                if lane.offload(|n| *n += 1).catch().wait().is_ok() {
                                    accepted.fetch_add(1, Ordering::Relaxed);
                                }
                            }
                            3 => lane.drain().wait(),
                            _ => drop(lane.clone()),
                        }
                    }
                })
            })
            .collect();
        if seed % 2 == 0 {
            group.offload(|| ()).wait();
            let _ = group.shutdown(Duration::from_millis(seed / 10));
        }
        for user in users {
            user.join().unwrap();
        }
        let value = lane.into_inner().wait().expect("the first to ask");
        assert!(value >= accepted.load(Ordering::Relaxed) as u64);
    }
}
