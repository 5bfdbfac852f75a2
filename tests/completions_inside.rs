//! What callbacks of `Completions` do to it from inside: panic, dispatch, wait, add others, let go of it.

mod util;

use aside::{Completions, Group};
use futures::executor::block_on;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use util::{Counter, DropCounter, expected_panic, finished_job, hush, panic_message_of, panic_of};
use util::{single_thread_group, start_job, watchdog};

type Log = Rc<RefCell<Vec<usize>>>;

fn add(group: &Group, completions: &Completions, log: &Log, n: usize) {
    let log = log.clone();
    finished_job(group, || ()).on_done_in(completions, move |_| log.borrow_mut().push(n));
}

fn add_call(group: &Group, completions: &Completions, call: impl FnOnce() + 'static) {
    finished_job(group, || ()).on_done_in(completions, move |_| call());
}

#[test]
fn a_panic_resumes_after_the_rest_have_run() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let announced = Counter::new();
    let announce = announced.clone();
    let completions = Completions::with_notifier(move || announce.add()).unwrap();
    let (log, payloads) = (Log::default(), DropCounter::new());
    add(&group, &completions, &log, 0);
    add_call(&group, &completions, || expected_panic("the first"));
    add(&group, &completions, &log, 1);
    for _ in 0..2 {
        let (token, report) = (payloads.token(), std::sync::Mutex::new(0));
        // A payload whose own destructor panics.
        let bomb = payloads.bomb();
        add_call(&group, &completions, || {
            std::panic::resume_unwind(Box::new((token, report, bomb)));
        });
    }
    add(&group, &completions, &log, 2);
    assert_eq!(panic_message_of(|| completions.dispatch()), "[expected] the first");
    assert_eq!((*log.borrow()).as_slice(), [0, 1, 2]);
    assert_eq!((payloads.count(), completions.pending(), announced.get()), (4, 0, 1));
    // At rest as ever.
    add(&group, &completions, &log, 3);
    assert_eq!((announced.get(), completions.wait(None)), (2, 1));
}

#[test]
fn a_bounded_dispatch_counts_those_that_panic() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    for n in 0..3_usize {
        let report = std::sync::Arc::new(n);
        add_call(&group, &completions, move || std::panic::resume_unwind(Box::new(report)));
    }
    for (n, left) in [(0, 2), (1, 1), (2, 0)] {
        let payload = panic_of(|| completions.dispatch_up_to(1, Duration::MAX));
        assert_eq!(**payload.downcast::<std::sync::Arc<usize>>().unwrap(), n);
        assert_eq!(completions.pending(), left);
    }
    assert_eq!(completions.dispatch(), 0);
}

#[test]
fn outputs_and_callbacks_whose_destructors_panic() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let (log, drops) = (Log::default(), DropCounter::new());
    let (output, captured) = (drops.bomb(), drops.bomb());
    finished_job(&group, move || output).on_done_in(&completions, drop);
    add_call(&group, &completions, move || drop(captured));
    let (ok, err) = (drops.bomb(), drops.bomb());
    finished_job(&group, || Ok::<_, ()>(())).on_complete_in(
        &completions,
        move |()| std::mem::forget(ok),
        move |_| drop(err),
    );
    add(&group, &completions, &log, 0);
    assert_eq!(panic_message_of(|| completions.dispatch()), "[expected] the destructor of a bomb");
    assert_eq!(((*log.borrow()).as_slice(), drops.count()), ([0].as_slice(), 3));
}

#[test]
fn a_callback_dispatches() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Rc::new(Completions::new().unwrap());
    let log = Log::default();
    let (inner, logs) = (completions.clone(), log.clone());
    add_call(&group, &completions, move || {
        assert_eq!(inner.pending(), 3);
        assert_eq!(inner.dispatch_up_to(2, Duration::MAX), 2);
        logs.borrow_mut().push(0);
    });
    for n in 1..=3 {
        add(&group, &completions, &log, n);
    }
    assert_eq!(completions.dispatch(), 2);
    assert_eq!((*log.borrow()).as_slice(), [1, 2, 0, 3]);
}

#[test]
fn a_callback_waits_and_adds_others() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let completions = Rc::new(Completions::new().unwrap());
    let log = Log::default();
    let (inner, logs, jobs) = (completions.clone(), log.clone(), group.clone());
    add_call(&group, &completions, move || {
        // Nothing is pending: not even this one.
        assert_eq!((inner.pending(), inner.wait(None)), (0, 0));
        let job = start_job(&jobs, || ());
        let ends = logs.clone();
        job.offload.on_done_in(&inner, move |_| ends.borrow_mut().push(1));
        assert_eq!(inner.wait(Some(Duration::from_millis(1))), 0);
        job.gate.open();
        assert_eq!(inner.wait(None), 1);
        let late = logs.clone();
        jobs.offload(|| ()).on_done_in(&inner, move |_| late.borrow_mut().push(3));
        logs.borrow_mut().push(2);
    });
    while completions.pending() > 0 {
        completions.wait(None);
    }
    assert_eq!((*log.borrow()).as_slice(), [1, 2, 3]);
}

#[test]
fn a_callback_blocks_on_next() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let announced = Counter::new();
    let announce = announced.clone();
    let completions = Rc::new(Completions::with_notifier(move || announce.add()).unwrap());
    let log = Log::default();
    let (inner, logs, jobs) = (completions.clone(), log.clone(), group.clone());
    add_call(&group, &completions, move || {
        let job = start_job(&jobs, || ());
        let (ends, gate) = (logs.clone(), job.gate.clone());
        job.offload.on_done_in(&inner, move |_| ends.borrow_mut().push(1));
        let opener = std::thread::spawn(move || gate.open());
        assert_eq!(block_on(inner.next()), Some(1));
        assert_eq!(block_on(inner.next()), None);
        opener.join().unwrap();
        // One that is given up.
        let job = start_job(&jobs, || ());
        let ends = logs.clone();
        job.offload.on_done_in(&inner, move |_| ends.borrow_mut().push(2));
        let mut next = Box::pin(inner.next());
        assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(next);
        job.gate.open();
        jobs.drain().wait();
    });
    // The dispatch around it looks again.
    assert_eq!(completions.dispatch(), 2);
    assert_eq!((*log.borrow()).as_slice(), [1, 2]);
    let before = announced.get();
    add(&group, &completions, &log, 3);
    assert_eq!((announced.get(), completions.dispatch()), (before + 1, 1));
}

#[test]
fn a_callback_drops_the_last_other_handle() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Rc::new(Completions::new().unwrap());
    let log = Log::default();
    let other = completions.clone();
    add_call(&group, &completions, move || drop(other));
    add(&group, &completions, &log, 0);
    assert_eq!(completions.dispatch(), 2);
    assert_eq!((Rc::strong_count(&completions), (*log.borrow()).as_slice()), (1, [0].as_slice()));
}

/// The waker that a job had before goes when the callback comes; its destructor finds the callback in its place.
#[test]
fn the_destructor_of_an_older_waker_dispatches() {
    thread_local!(static COMPLETIONS: RefCell<Option<Rc<Completions>>> = const { RefCell::new(None) });
    struct Dispatches {
        gate: util::Gate,
        group: Group,
    }
    impl Wake for Dispatches {
        fn wake(self: std::sync::Arc<Self>) {}
    }
    impl Drop for Dispatches {
        fn drop(&mut self) {
            self.gate.open();
            self.group.drain().wait();
            if let Some(completions) = COMPLETIONS.take() {
                completions.dispatch();
            }
        }
    }
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Rc::new(Completions::new().unwrap());
    COMPLETIONS.set(Some(completions.clone()));
    let mut job = start_job(&group, || 5);
    let older = Waker::from(std::sync::Arc::new(Dispatches { gate: job.gate.clone(), group: group.clone() }));
    assert!(std::pin::pin!(&mut job.offload).poll(&mut Context::from_waker(&older)).is_pending());
    drop(older);
    let got = Rc::new(Cell::new(0));
    let into = got.clone();
    job.offload.on_done_in(&completions, move |n| into.set(n.unwrap()));
    assert!(COMPLETIONS.take().is_none(), "the destructor did not run");
    completions.dispatch();
    assert_eq!((got.get(), completions.pending()), (5, 0));
}
