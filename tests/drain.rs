//! Waiting until a group has nothing left to do: as a future, by blocking, and not for ever.

mod util;

use aside::{Deadline, Group};
use futures::executor::block_on;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use util::{Counter, Gate, hold_thread, single_thread_group, start_job, watchdog};

#[test]
fn an_empty_group_is_drained() {
    let _watchdog = watchdog();
    for group in [single_thread_group(), Group::builder().min_threads(0).build().unwrap()] {
        group.drain().wait();
        block_on(group.drain());
        assert!(group.drain().wait_deadline(Duration::ZERO));
        assert!(group.drain().wait_deadline(Deadline::NEVER));
        assert!(group.shutdown(Deadline::NEVER).is_nothing());
        group.drain().wait();
    }
}

#[test]
fn all_jobs_and_callbacks_are_done() {
    let _watchdog = watchdog();
    for round in 0..100 {
        let group = Group::builder().max_threads(1 + round % 4).build().unwrap();
        let done = Counter::new();
        for n in 0..50 {
            let (in_job, in_callback) = (done.clone(), done.clone());
            let job = group.offload(move || in_job.add());
            match n % 3 {
                0 => job.detach(),
                _ => job.on_done(move |_| in_callback.add()),
            }
        }
        match round % 3 {
            0 => group.drain().wait(),
            1 => assert!(group.drain().wait_deadline(Duration::from_secs(3600))),
            _ => block_on(group.drain()),
        }
        // 17 without a callback, 33 with one.
        assert_eq!(done.get(), 17 + 2 * 33);
        assert_eq!((group.stats().finished, group.stats().queued), (group.stats().submitted, 0));
    }
}

#[test]
fn a_slow_callback_is_waited_for() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let gate = Gate::new();
    let (tell, hear) = mpsc::channel();
    let in_callback = gate.clone();
    group.offload(|| ()).on_done(move |_| {
        tell.send(()).unwrap();
        in_callback.pass();
    });
    hear.recv().unwrap();
    assert!(!group.drain().wait_deadline(Duration::from_millis(10)));
    let mut drain = group.drain();
    assert!(std::pin::Pin::new(&mut drain).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    gate.open();
    block_on(drain);
}

#[test]
fn a_callback_given_after_the_jobs_end_is_waited_for() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let done = util::finished_job(&group, || 1);
    let held = hold_thread(&group);
    let called = Counter::new();
    let count = called.clone();
    done.on_done(move |_| count.add());
    assert!(!group.drain().wait_deadline(Duration::ZERO));
    held.release();
    group.drain().wait();
    assert_eq!(called.get(), 1);
}

#[test]
fn not_before_the_last_job_has_run() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let running = start_job(&group, || ());
    let (tell, hear) = mpsc::channel();
    let waiting = {
        let drain = group.drain();
        std::thread::spawn(move || {
            drain.wait();
            tell.send(()).unwrap();
        })
    };
    let polling = {
        let mut drain = group.drain();
        assert_eq!(
            std::pin::Pin::new(&mut drain).poll(&mut Context::from_waker(Waker::noop())),
            Poll::Pending
        );
        std::thread::spawn(move || block_on(drain))
    };
    for _ in 0..100 {
        group.offload(|| ()).wait();
        assert_eq!(hear.try_recv(), Err(mpsc::TryRecvError::Empty));
    }
    assert!(!group.drain().wait_deadline(Duration::from_millis(1)));
    assert!(!group.drain().wait_deadline(Instant::now()));
    running.gate.open();
    waiting.join().unwrap();
    polling.join().unwrap();
    running.offload.wait();
}

#[test]
fn the_group_stays_open() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    for n in 0..1_000 {
        let job = group.offload(move || n);
        group.drain().wait();
        assert!(job.is_finished());
        assert_eq!(job.wait(), n);
    }
    drop(group.drain());
    assert!(!group.is_closed());
}

#[test]
fn cancelled_jobs_are_not_waited_for() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let held = hold_thread(&group);
    let held_too = hold_thread(&group);
    let queued: Vec<_> = (0..100).map(|_| group.offload(|| ())).collect();
    let drains: Vec<_> = (0..2)
        .map(|n| {
            let drain = group.drain();
            std::thread::spawn(move || if n == 0 { drain.wait() } else { block_on(drain) })
        })
        .collect();
    held.release();
    // From now on only the other thread and what is queued keep the drains waiting; whichever goes last tells them.
    let dropping = std::thread::spawn(move || drop(queued));
    held_too.release();
    dropping.join().unwrap();
    drains.into_iter().for_each(|thread| thread.join().unwrap());
    group.drain().wait();
}

#[test]
fn the_last_job_is_cancelled_by_its_handle() {
    let _watchdog = watchdog();
    for _ in 0..200 {
        let group = Group::builder().max_threads(1).build().unwrap();
        let running = start_job(&group, || ());
        let queued = group.offload(|| ());
        let waiting = {
            let drain = group.drain();
            std::thread::spawn(move || drain.wait())
        };
        let dropping = std::thread::spawn(move || drop(queued));
        running.gate.open();
        running.offload.wait();
        dropping.join().unwrap();
        waiting.join().unwrap();
    }
}

#[test]
fn many_drains_at_a_time() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let drain = group.drain();
            std::thread::spawn(move || drain.wait())
        })
        .collect();
    let mut drains: Vec<_> = (0..100).map(|_| group.drain()).collect();
    for drain in &mut drains {
        assert!(std::pin::Pin::new(drain).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(format!("{:?}", drains[0]).contains("outstanding: 1"));
    drains.truncate(50);
    held.release();
    waiting.into_iter().for_each(|thread| thread.join().unwrap());
    block_on(futures::future::join_all(drains));
}

#[test]
fn not_before_the_closure_of_a_cancelled_job_is_gone() {
    /// Takes its time.
    struct Slow(mpsc::Sender<()>, Gate, Counter);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
            self.1.pass();
            self.2.add();
        }
    }
    let _watchdog = watchdog();
    let end_it: [fn(aside::Offload<()>); 2] = [drop, |job| assert_eq!(job.cancel().wait(), None)];
    for end in end_it {
        let (tell_stop, stopped) = mpsc::channel();
        let builder = Group::builder().max_threads(1).on_thread_stop(move || tell_stop.send(()).unwrap());
        let group = builder.build().unwrap();
        let held = hold_thread(&group);
        let (tell, hear) = mpsc::channel();
        let (gate, dropped) = (Gate::new(), Counter::new());
        let slow = Slow(tell, gate.clone(), dropped.clone());
        let job = group.offload(move || drop(slow));
        let dropping = std::thread::spawn(move || end(job));
        hear.recv().unwrap();
        // From here on nothing but the destructor is under way.
        held.release();
        group.close();
        stopped.recv().unwrap();
        assert!(!group.drain().wait_deadline(Duration::ZERO));
        let mut drain = group.drain();
        assert!(std::pin::Pin::new(&mut drain).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(group.shutdown(Duration::ZERO).running, 1);
        gate.open();
        block_on(drain);
        assert_eq!(dropped.get(), 1);
        assert!(group.shutdown(Deadline::NEVER).is_nothing());
        dropping.join().unwrap();
    }
}
