//! Callbacks in `Completions`: each exactly once, on the thread that owns them, in the order in which the jobs ended.

mod util;

use aside::{Completions, Failure, Group, JobError};
use futures::executor::block_on;
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;
use std::thread::current;
use std::time::Duration;
use util::probe_waker::ProbeWaker;
use util::{Counter, Gate, expected_panic, finished_job, hold_thread, hush};
use util::{single_thread_group, start_job, watchdog};

/// What callbacks wrote down. Not `Send`.
type Log<T> = Rc<RefCell<Vec<T>>>;

fn log<T>() -> Log<T> {
    Log::default()
}

/// Adds a job that is done and whose callback writes `n` down.
fn add(group: &Group, completions: &Completions, log: &Log<usize>, n: usize) {
    let log = log.clone();
    finished_job(group, move || n).on_done_in(completions, move |n| log.borrow_mut().push(n.unwrap()));
}

fn wait_for_all(completions: &Completions) {
    while completions.pending() > 0 {
        assert!(completions.wait(None) > 0);
    }
}

#[test]
fn callbacks_run_on_the_owning_thread_when_it_dispatches() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(4).build().unwrap();
    let completions = Completions::new().unwrap();
    let ran = log();
    for n in 0..1000 {
        let ran = ran.clone();
        group.offload(move || n).on_done_in(&completions, move |n| {
            ran.borrow_mut().push((n.unwrap(), current().id()));
        });
    }
    group.drain().wait();
    assert!(ran.borrow().is_empty());
    assert_eq!(completions.pending(), 1000);
    while completions.pending() > 0 {
        completions.dispatch();
    }
    let mut ran = Rc::into_inner(ran).unwrap().into_inner();
    assert!(ran.iter().all(|(_, thread)| *thread == current().id()));
    ran.sort_unstable_by_key(|(n, _)| *n);
    assert_eq!(ran.iter().map(|(n, _)| *n).collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
    assert_eq!(completions.dispatch(), 0);
}

#[test]
fn in_the_order_in_which_the_jobs_ended() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(5).build().unwrap();
    let completions = Completions::new().unwrap();
    let order = log();
    let mut gates: Vec<Gate> = Vec::new();
    for n in 0..5 {
        let job = start_job(&group, move || n);
        let order = order.clone();
        job.offload.on_done_in(&completions, move |n| order.borrow_mut().push(n.unwrap()));
        gates.push(job.gate);
    }
    for (ended, n) in [3, 0, 4, 1, 2].into_iter().enumerate() {
        gates[n].open();
        // A job's waker is called before its thread takes the next job or parks.
        util::process::until_running(&group, 4 - ended);
        assert_eq!(completions.pending(), 5);
    }
    group.drain().wait();
    wait_for_all(&completions);
    assert_eq!(*order.borrow(), [3, 0, 4, 1, 2]);
}

#[test]
fn on_complete_in_calls_one_of_the_two_and_drops_the_other_here() {
    type Job = fn() -> Result<u8, String>;
    let _watchdog = watchdog();
    hush();
    let jobs: [(Job, &str); 3] = [
        (|| Ok(5), "ok 5"),
        (|| Err("no".to_owned()), "failed no"),
        (|| expected_panic("in the job"), "panicked [expected] in the job"),
    ];
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    for (job, expected) in jobs {
        for is_done_before in [false, true] {
            let calls = log();
            let (ok, err) = (calls.clone(), calls.clone());
            let held = (!is_done_before).then(|| hold_thread(&group));
            let offload = if is_done_before { finished_job(&group, job) } else { group.offload(job) };
            offload.on_complete_in(
                &completions,
                move |value| ok.borrow_mut().push(format!("ok {value}")),
                move |failure| {
                    err.borrow_mut().push(match failure {
                        Failure::Failed(error) => format!("failed {error}"),
                        Failure::Panicked(panic) => format!("panicked {}", panic.message().unwrap()),
                        Failure::Cancelled => "cancelled".to_owned(),
                    });
                },
            );
            drop(held);
            wait_for_all(&completions);
            assert_eq!(*calls.borrow(), [expected]);
            assert_eq!(Rc::strong_count(&calls), 1, "a callback is still there");
        }
    }
}

#[test]
fn cancelled_jobs_are_told() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let told = log();
    let expect_cancelled = |n: usize| {
        let told = told.clone();
        group.offload(|| ()).on_done_in(&completions, move |outcome| {
            assert!(matches!(outcome, Err(JobError::Cancelled)));
            told.borrow_mut().push(n);
        });
    };
    let held = hold_thread(&group);
    expect_cancelled(0);
    expect_cancelled(1);
    assert_eq!(completions.dispatch(), 0);
    assert_eq!(group.shutdown(Duration::ZERO).cancelled, 2);
    // Closed: cancelled from the beginning.
    expect_cancelled(2);
    assert!(told.borrow().is_empty(), "called behind the thread's back");
    wait_for_all(&completions);
    assert_eq!(*told.borrow(), [0, 1, 2]);
    held.release();
}

#[test]
fn a_job_that_was_polled_before_with_another_waker() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    for panics in [false, true] {
        let other = ProbeWaker::new();
        let mut job = start_job(&group, || 7);
        assert!(pin!(&mut job.offload).poll(&mut Context::from_waker(other.waker())).is_pending());
        other.panic_when_dropped(panics);
        let got = Rc::new(Cell::new(0));
        let into = got.clone();
        job.offload.on_done_in(&completions, move |n| into.set(n.unwrap()));
        assert_eq!((other.clones(), other.drops()), (1, 1), "the waker is not held any more");
        job.gate.open();
        wait_for_all(&completions);
        assert_eq!((got.get(), other.wakes()), (7, 0));
    }
}

#[test]
fn a_callback_of_any_size_and_alignment() {
    #[derive(Clone, Copy)]
    #[repr(align(64))]
    struct Aligned(usize);
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let sum = Rc::new(Cell::new(0));
    let adding = |n| {
        let sum = sum.clone();
        move || sum.set(sum.get() + n)
    };
    macro_rules! sized {
        ($($words:literal)*) => {$(
            let (add, filler) = (adding($words), [$words; $words]);
            group.offload(move || filler).on_done_in(&completions, move |got| {
                assert_eq!((got.unwrap(), filler), ([$words; $words], [$words; $words]));
                add();
            });
        )*};
    }
    sized!(0 1 2 3 4 5 6 7 8 9 100);
    let (add_aligned, aligned) = (adding(1000), Aligned(3));
    group.offload(|| ()).on_done_in(&completions, move |_| {
        let at = &raw const aligned;
        assert_eq!((at.addr() % 64, aligned.0), (0, 3));
        add_aligned();
    });
    wait_for_all(&completions);
    assert_eq!(sum.get(), 45 + 100 + 1000);
}

#[test]
fn dispatch_up_to_a_number() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let ran = log();
    for n in 0..10 {
        add(&group, &completions, &ran, n);
    }
    let expect = |most, time, expected: usize| {
        let before = completions.pending();
        assert_eq!(completions.dispatch_up_to(most, time), expected);
        assert_eq!(completions.pending(), before - expected);
    };
    expect(0, Duration::MAX, 0);
    expect(1, Duration::MAX, 1);
    expect(3, Duration::MAX, 3);
    // At least one, however little time there is.
    expect(usize::MAX, Duration::ZERO, 1);
    expect(0, Duration::ZERO, 0);
    // None of these posts gets between those that wait already.
    add(&group, &completions, &ran, 10);
    expect(2, Duration::MAX, 2);
    expect(usize::MAX, Duration::MAX, 4);
    expect(usize::MAX, Duration::MAX, 0);
    expect(1, Duration::ZERO, 0);
    assert_eq!(*ran.borrow(), (0..11).collect::<Vec<_>>());
}

#[test]
fn no_callback_begins_after_the_time() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let time = Duration::from_millis(2);
    for _ in 0..3 {
        finished_job(&group, || ()).on_done_in(&completions, move |_| std::thread::sleep(time));
    }
    for left in [2, 1, 0] {
        assert_eq!(completions.dispatch_up_to(10, time), 1);
        assert_eq!(completions.pending(), left);
    }
}

#[test]
fn wait_returns_at_once_where_there_is_nothing_to_wait_for() {
    let _watchdog = watchdog();
    let completions = Completions::new().unwrap();
    assert_eq!((completions.pending(), completions.dispatch()), (0, 0));
    for timeout in [None, Some(Duration::ZERO), Some(Duration::from_nanos(1)), Some(Duration::MAX)] {
        assert_eq!(completions.wait(timeout), 0);
    }
    assert_eq!(block_on(completions.next()), None);
}

#[test]
fn wait_ends_at_its_time() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    let job = start_job(&group, || ());
    job.offload.on_done_in(&completions, |outcome| outcome.unwrap());
    for nanos in [0, 1, 1_000, 3_000_000] {
        assert_eq!(completions.wait(Some(Duration::from_nanos(nanos))), 0);
        assert_eq!(completions.pending(), 1);
    }
    job.gate.open();
    assert_eq!(completions.wait(Some(Duration::MAX)), 1);
    // A job that is done needs no time.
    finished_job(&group, || ()).on_done_in(&completions, |outcome| outcome.unwrap());
    assert_eq!(completions.wait(Some(Duration::ZERO)), 1);
}

/// Somebody else's unpark is no reason to return.
#[test]
fn wait_goes_on_after_a_stray_unpark() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let completions = Completions::new().unwrap();
    let job = start_job(&group, || ());
    job.offload.on_done_in(&completions, |outcome| outcome.unwrap());
    let (owner, gate) = (current(), job.gate.clone());
    current().unpark();
    group
        .offload(move || {
            for _ in 0..100 {
                owner.unpark();
                std::thread::yield_now();
            }
            gate.open();
        })
        .detach();
    assert_eq!(completions.wait(None), 1);
}

#[test]
fn keys_are_used_again() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let completions = Completions::new().unwrap();
    let (wanted, got) = (5_000, Rc::new(Cell::new(0_usize)));
    let mut sum = 0;
    for n in 0..wanted {
        sum += n;
        let got = got.clone();
        group.offload(move || n).on_done_in(&completions, move |n| got.set(got.get() + n.unwrap()));
        // One to three at a time, so that a late waker meets the next user of its key.
        if n % 3 == 0 {
            completions.wait(None);
        }
    }
    wait_for_all(&completions);
    assert_eq!(got.get(), sum);
    assert_eq!(completions.dispatch(), 0);
}

#[test]
fn a_hundred_thousand_pending() {
    let _watchdog = watchdog();
    const JOBS: usize = 100_000;
    let group = Group::builder().max_threads(2).build().unwrap();
    let held = [hold_thread(&group), hold_thread(&group)];
    let completions = Completions::new().unwrap();
    let ran = Rc::new(RefCell::new(vec![0_u8; JOBS]));
    for n in 0..JOBS {
        let ran = ran.clone();
        group.offload(move || n).on_done_in(&completions, move |n| ran.borrow_mut()[n.unwrap()] += 1);
    }
    assert_eq!(completions.pending(), JOBS);
    held.into_iter().for_each(util::HeldThread::release);
    group.drain().wait();
    // All of them were ready when it was called.
    assert_eq!(completions.dispatch(), JOBS);
    assert!(ran.borrow().iter().all(|times| *times == 1));
}

/// A dispatch ends although every callback adds the next one.
#[test]
fn a_chain_without_end_lets_the_loop_have_its_turn() {
    fn link(group: &Group, completions: &Rc<Completions>, count: &Rc<Cell<usize>>) {
        let (next_group, next, counts) = (group.clone(), Rc::downgrade(completions), count.clone());
        finished_job(group, || ()).on_done_in(completions, move |_| {
            counts.set(counts.get() + 1);
            link(&next_group, &next.upgrade().unwrap(), &counts);
        });
    }
    let _watchdog = watchdog();
    let group = single_thread_group();
    let count = Rc::new(Cell::new(0));
    let announced = Counter::new();
    let announce = announced.clone();
    let completions = Rc::new(Completions::with_notifier(move || announce.add()).unwrap());
    link(&group, &completions, &count);
    assert_eq!(announced.get(), 1);
    assert_eq!(completions.dispatch(), 1024);
    assert_eq!((count.get(), completions.pending(), announced.get()), (1024, 1, 2));
    assert_eq!(completions.dispatch_up_to(5, Duration::MAX), 5);
    assert_eq!((completions.pending(), announced.get()), (1, 3));
}

#[test]
fn several_on_one_thread_do_not_mix() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let all: Vec<_> = (0..3).map(|_| Completions::new().unwrap()).collect();
    let ran = log();
    for (n, completions) in all.iter().enumerate() {
        add(&group, completions, &ran, n);
    }
    for (n, completions) in all.iter().enumerate().rev() {
        assert_eq!((completions.pending(), completions.wait(None)), (1, 1));
        assert_eq!(ran.borrow_mut().pop(), Some(n));
        assert!(ran.borrow().is_empty());
    }
}

#[test]
fn debug_tells_how_many_are_pending() {
    let completions = Completions::new().unwrap();
    let group = single_thread_group();
    finished_job(&group, || ()).on_done_in(&completions, |_| ());
    assert_eq!(format!("{completions:?}"), "Completions { pending: 1, .. }");
}

#[test]
#[should_panic(expected = "after it had given its output")]
fn a_future_that_has_given_its_output_takes_no_callback() {
    let completions = Completions::new().unwrap();
    let mut job = aside::offload(|| 1);
    assert_eq!(futures::executor::block_on(&mut job), 1);
    job.on_done_in(&completions, |_| ());
}
