//! Those who wait for a group leave wakers with it. Wakers are foreign code: whatever one does, it costs nobody else
//! anything.

mod util;

use aside::{Deadline, Drain, Group, Offload};
use futures::executor::block_on;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{ThreadId, current};
use util::probe_waker::ProbeWaker;
use util::{DropCounter, DropToken, bounded_group, full_group, hold_thread, hush};
use util::{panic_message_of, single_thread_group, watchdog};

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

fn panicking() -> ProbeWaker {
    let probe = ProbeWaker::new();
    probe.panic_when_woken(true);
    probe
}

/// Fails unless the one thread that the group ever had is well. Every waker has been called when this returns.
#[track_caller]
fn assert_unharmed(group: &Group, thread: ThreadId) {
    assert_eq!(group.offload(|| current().id()).wait(), thread);
    assert!(group.shutdown(Deadline::NEVER).is_nothing());
    assert_eq!((group.stats().peak_threads, group.stats().threads), (1, 0));
}

#[test]
fn a_panicking_waker_of_a_drain() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let thread = held.id();
    // The bad one is the first to be called.
    let (bad, good) = (panicking(), ProbeWaker::new());
    let (mut first, mut second) = (group.drain(), group.drain());
    assert!(poll(&mut first, bad.waker()).is_pending());
    assert!(poll(&mut second, good.waker()).is_pending());
    let blocking = {
        let drain = group.drain();
        std::thread::spawn(move || drain.wait())
    };
    held.release();
    blocking.join().unwrap();
    assert_unharmed(&group, thread);
    assert_eq!((bad.wakes(), good.wakes()), (1, 1));
    block_on(first);
    block_on(second);
    assert_eq!((bad.clones(), good.clones()), (bad.drops(), good.drops()));
}

#[test]
fn a_panicking_waker_of_one_who_waits_for_room() {
    let _watchdog = watchdog();
    hush();
    let (group, held, mut queued) = full_group(1);
    let thread = held.id();
    let bad = panicking();
    let mut waiting = group.offload_wait(|| "waited for room");
    assert!(poll(&mut waiting, bad.waker()).is_pending());
    held.release();
    // The job that made room as it left the queue.
    queued.pop().unwrap().wait();
    assert_eq!(bad.wakes(), 1);
    assert_eq!(block_on(waiting).unwrap().wait(), "waited for room");
    assert_unharmed(&group, thread);
    assert_eq!(bad.clones(), bad.drops());
}

#[test]
fn a_panicking_waker_of_those_whom_a_close_tells() {
    let _watchdog = watchdog();
    hush();
    let (group, held, queued) = full_group(1);
    let (bad, good) = (panicking(), ProbeWaker::new());
    let (mut first, mut second) = (group.offload_wait(|| 1), group.offload_wait(|| 2));
    assert!(poll(&mut first, bad.waker()).is_pending());
    assert!(poll(&mut second, good.waker()).is_pending());
    group.close();
    assert_eq!((bad.wakes(), good.wakes()), (1, 1));
    assert!(block_on(first).unwrap_err().is_closed());
    assert!(block_on(second).unwrap_err().is_closed());
    held.release();
    queued.into_iter().for_each(Offload::wait);
}

#[test]
fn a_panicking_waker_that_a_handles_drop_calls() {
    let _watchdog = watchdog();
    hush();
    let group = bounded_group(1);
    let held = hold_thread(&group);
    let thread = held.id();
    let (in_drain, for_room) = (panicking(), panicking());
    let closures = DropCounter::new();
    let queue_one = || {
        let token = closures.token();
        group.try_offload(move || drop(token)).expect("the only place is free")
    };
    let end_it: [fn(Offload<()>); 2] = [drop, |offload| assert!(offload.cancel().never_ran())];
    for (n, end) in end_it.into_iter().enumerate() {
        let offload = queue_one();
        let (mut drain, mut waiting) = (group.drain(), group.offload_wait(|| ()));
        assert!(poll(&mut drain, in_drain.waker()).is_pending());
        assert!(poll(&mut waiting, for_room.waker()).is_pending());
        // Nothing reaches this thread.
        end(offload);
        assert_eq!((in_drain.wakes(), for_room.wakes()), (n + 1, n + 1));
        assert_eq!(closures.threads(), vec![current().id(); n + 1]);
    }
    held.release();
    assert_unharmed(&group, thread);
}

#[test]
fn a_waker_whose_clone_or_destructor_panics() {
    let _watchdog = watchdog();
    hush();
    let (group, held, queued) = full_group(1);
    let thread = held.id();
    let (clone_panics, drop_panics) = (ProbeWaker::new(), ProbeWaker::new());
    clone_panics.panic_when_cloned(true);
    drop_panics.panic_when_dropped(true);
    let (mut drain, mut waiting) = (group.drain(), group.offload_wait(|| "accepted"));
    // Before, and in the place of another one.
    for _ in 0..2 {
        let message = panic_message_of(|| poll(&mut drain, clone_panics.waker()));
        assert!(message.ends_with("the clone of a waker"));
        let message = panic_message_of(|| poll(&mut waiting, clone_panics.waker()));
        assert!(message.ends_with("the clone of a waker"));
        assert!(poll(&mut drain, drop_panics.waker()).is_pending());
        assert!(poll(&mut waiting, drop_panics.waker()).is_pending());
    }
    let (mut dropped, mut dropped_too) = (group.drain(), group.offload_wait(|| ()));
    assert!(poll(&mut dropped, drop_panics.waker()).is_pending());
    assert!(poll(&mut dropped_too, drop_panics.waker()).is_pending());
    drop(dropped);
    drop(dropped_too);
    held.release();
    queued.into_iter().for_each(Offload::wait);
    assert_eq!(block_on(waiting).unwrap().wait(), "accepted");
    block_on(drain);
    assert_unharmed(&group, thread);
    assert_eq!(drop_panics.clones(), drop_panics.drops());
}

/// Polls the drain where it is woken, as an executor of one task might.
struct Inline {
    drain: Mutex<Option<Drain>>,
    drained: Sender<ThreadId>,
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let Some(mut drain) = self.drain.lock().unwrap().take() else { return };
        match poll(&mut drain, &Waker::from(self.clone())) {
            Poll::Ready(()) => self.drained.send(current().id()).unwrap(),
            Poll::Pending => *self.drain.lock().unwrap() = Some(drain),
        }
    }
}

#[test]
fn a_waker_that_polls_the_drain_inline() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let thread = held.id();
    let (drained, hear) = channel();
    let task = Arc::new(Inline { drain: Mutex::new(None), drained });
    let mut drain = group.drain();
    assert!(poll(&mut drain, &Waker::from(task.clone())).is_pending());
    *task.drain.lock().unwrap() = Some(drain);
    // In vain: the thread is still held.
    drop(group.offload(|| ()));
    assert!(task.drain.lock().unwrap().is_some());
    held.release();
    assert_eq!(hear.recv(), Ok(thread));
    assert_unharmed(&group, thread);
}

/// A task whose executor is gone: nobody runs it, and the waker that it left somewhere is its last owner.
struct Forgotten<F> {
    future: Mutex<F>,
    _token: DropToken,
}

impl<F: Send + 'static> Wake for Forgotten<F> {
    fn wake(self: Arc<Self>) {}
}

fn forget_in_waker<F: Future + Unpin + Send + 'static>(future: F, token: DropToken) {
    let task = Arc::new(Forgotten { future: Mutex::new(future), _token: token });
    let waker = Waker::from(task.clone());
    assert!(poll(&mut *task.future.lock().unwrap(), &waker).is_pending());
}

#[test]
fn a_waker_that_is_the_last_owner_of_a_drain() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let held = hold_thread(&group);
    let thread = held.id();
    let tasks = DropCounter::new();
    (0..3).for_each(|_| forget_in_waker(group.drain(), tasks.token()));
    assert_eq!(tasks.count(), 0);
    held.release();
    assert_unharmed(&group, thread);
    assert_eq!(tasks.count(), 3);
}

#[test]
fn a_waker_that_is_the_last_owner_of_one_who_waits_for_room() {
    let _watchdog = watchdog();
    let (group, held, mut queued) = full_group(1);
    let thread = held.id();
    let (tasks, jobs) = (DropCounter::new(), DropCounter::new());
    for _ in 0..3 {
        let job = jobs.token();
        forget_in_waker(group.offload_wait(move || drop(job)), tasks.token());
    }
    held.release();
    queued.pop().unwrap().wait();
    // One call was enough for all: each that goes without a place passes it on.
    assert_eq!((tasks.threads(), jobs.threads()), (vec![thread; 3], vec![thread; 3]));
    assert_unharmed(&group, thread);
}

#[test]
fn a_waker_that_is_the_last_owner_of_the_group() {
    let _watchdog = watchdog();
    let (group, held, mut queued) = full_group(2);
    let tasks = DropCounter::new();
    forget_in_waker(group.offload_wait(|| ()), tasks.token());
    let drain = group.drain();
    drop(group);
    held.release();
    // Closed by its own thread, between two jobs.
    queued.pop().unwrap().wait();
    queued.pop().unwrap().wait();
    drain.wait();
    assert_eq!(tasks.count(), 1);
}

/// Drops its handle when it is called.
struct Dropping(Mutex<Option<Offload<()>>>);

impl Wake for Dropping {
    fn wake(self: Arc<Self>) {
        let offload = self.0.lock().unwrap().take();
        drop(offload);
    }
}

#[test]
fn a_waker_that_drops_a_handle_of_the_same_group() {
    let _watchdog = watchdog();
    for for_room in [false, true] {
        let group = bounded_group(3);
        let held = hold_thread(&group);
        let thread = held.id();
        let closures = DropCounter::new();
        let mut queued: Vec<_> = (0..3)
            .map(|_| {
                let token = closures.token();
                group.try_offload(move || drop(token)).unwrap()
            })
            .collect();
        let mut dropping = || Waker::from(Arc::new(Dropping(Mutex::new(queued.pop()))));
        let (mut drain, mut waiting) = (group.drain(), group.offload_wait(|| ()));
        if for_room {
            assert!(poll(&mut waiting, &dropping()).is_pending());
        } else {
            assert!(poll(&mut drain, &dropping()).is_pending());
        }
        // Cancelling the one calls the waker that cancels the other, on this thread.
        drop(queued.pop());
        assert_eq!(closures.threads(), [current().id(); 2], "for room: {for_room}");
        held.release();
        queued.pop().unwrap().wait();
        assert_eq!(closures.count(), 3);
        drop((drain, waiting));
        assert_unharmed(&group, thread);
    }
}
