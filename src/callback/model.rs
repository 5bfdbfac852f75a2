//! Model-checked: the mailbox's own steps, and all of it on a real group, under every interleaving that loom finds with a bounded number of
//! preemptions. A wake-up that is lost shows as a deadlock. The descriptor itself is not modelled.

use super::Completions;
use super::bell::{Bell, Call};
use super::mailbox::{Mailbox, Resting};
use crate::group::Group;
use crate::job::Slots;
use crate::sync::{AtomicBool, AtomicUsize, Ordering, check, check_bounded, park, yield_now};
use loom::sync::Notify;
use loom::thread;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

/// Wakes the owner, and counts how often.
struct Alarm {
    notify: Notify,
    rung: AtomicUsize,
}

impl Alarm {
    fn new() -> Arc<Self> {
        Arc::new(Self { notify: Notify::new(), rung: AtomicUsize::new(0) })
    }

    fn ring(&self) {
        self.rung.fetch_add(1, Ordering::Relaxed);
        self.notify.notify();
    }

    fn rung(&self) -> usize {
        self.rung.load(Ordering::Relaxed)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

/// The owner's side, without callbacks.
struct Owner {
    mailbox: Arc<Mailbox>,
    slots: Slots<Mailbox>,
    bell: Arc<Alarm>,
    /// What the jobs wrote before they posted: relaxed, so that only the mailbox can make it seen.
    done: Arc<Vec<AtomicBool>>,
    ready: Vec<u32>,
    seen: Vec<usize>,
}

/// A job's side.
struct Poster {
    waker: Waker,
    done: Arc<Vec<AtomicBool>>,
    key: usize,
}

impl Poster {
    fn finish(self) {
        self.done[self.key].store(true, Ordering::Relaxed);
        self.waker.wake();
    }
}

impl Owner {
    fn new(keys: usize) -> Self {
        let bell = Alarm::new();
        let rings = bell.clone();
        let mailbox = Mailbox::new(Bell::new(Call::Function(Box::new(move || rings.ring()))).unwrap());
        let mut slots = Slots::new(mailbox.clone());
        slots.grow_to(keys as u32);
        let done = Arc::new((0..keys).map(|_| AtomicBool::new(false)).collect());
        Self { mailbox, slots, bell, done, ready: Vec::new(), seen: Vec::new() }
    }

    fn poster(&mut self, key: usize) -> Poster {
        Poster { waker: self.slots.waker(key as u32), done: self.done.clone(), key }
    }

    /// One look at the mailbox; keys whose jobs are not done are let go.
    fn look(&mut self) {
        self.mailbox.take(&self.slots, &mut self.ready);
        while let Some(key) = self.ready.pop() {
            let key = key as usize;
            if self.done[key].load(Ordering::Relaxed) {
                self.seen.push(key);
            }
        }
    }

    /// A dispatch: false if there is more already.
    fn dispatch(&mut self) -> bool {
        self.look();
        self.mailbox.rest(Resting::Away)
    }

    fn dispatch_until(&mut self, keys: usize) {
        while self.seen.len() < keys {
            if self.dispatch() && self.seen.len() < keys {
                self.bell.notify.wait();
            }
        }
    }

    fn park_until(&mut self, keys: usize) {
        while self.seen.len() < keys {
            if !self.dispatch()
                || self.seen.len() >= keys
                || !self.mailbox.stay_awake(Resting::Away)
                || !self.mailbox.begin_park()
            {
                continue;
            }
            while self.mailbox.is_parked() {
                park();
            }
            self.mailbox.end_park(Resting::Away);
        }
    }
}

/// Keys 0 and 1 by one thread, in this order, and key 2 by another.
fn two_posters(owner: &mut Owner) -> [thread::JoinHandle<()>; 2] {
    let (first, second, other) = (owner.poster(0), owner.poster(1), owner.poster(2));
    let one = thread::spawn(move || {
        first.finish();
        second.finish();
    });
    [one, thread::spawn(move || other.finish())]
}

fn assert_each_once_in_order(owner: &Owner) {
    let mut sorted = owner.seen.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1, 2]);
    let position = |key| owner.seen.iter().position(|seen| *seen == key);
    assert!(position(0) < position(1), "{:?}", owner.seen);
}

#[test]
fn two_threads_post_against_the_bell() {
    check(|| {
        let mut owner = Owner::new(3);
        let posters = two_posters(&mut owner);
        owner.dispatch_until(3);
        posters.into_iter().for_each(|poster| poster.join().unwrap());
        assert_each_once_in_order(&owner);
        owner.look();
        assert_eq!(owner.seen.len(), 3);
    });
}

#[test]
fn two_threads_post_against_park() {
    check(|| {
        let mut owner = Owner::new(3);
        let posters = two_posters(&mut owner);
        owner.park_until(3);
        posters.into_iter().for_each(|poster| poster.join().unwrap());
        assert_each_once_in_order(&owner);
    });
}

#[test]
fn the_bell_is_rung_once_for_many() {
    check(|| {
        let mut owner = Owner::new(3);
        let posters = two_posters(&mut owner);
        posters.into_iter().for_each(|poster| poster.join().unwrap());
        assert_eq!(owner.bell.rung(), 1);
        assert!(owner.dispatch());
        assert_each_once_in_order(&owner);
        // At rest again: the next one rings.
        owner.poster(0).finish();
        assert_eq!(owner.bell.rung(), 2);
    });
}

#[test]
fn nobody_is_told_during_a_dispatch() {
    check(|| {
        let mut owner = Owner::new(1);
        owner.look();
        let poster = owner.poster(0);
        let poster = thread::spawn(move || poster.finish());
        poster.join().unwrap();
        assert_eq!(owner.bell.rung(), 0);
        // So the owner must find out as it leaves.
        assert!(!owner.mailbox.rest(Resting::Away));
        owner.look();
        assert_eq!(owner.seen, [0]);
    });
}

#[test]
fn two_threads_post_against_a_waker() {
    check(|| {
        let mut owner = Owner::new(3);
        let posters = two_posters(&mut owner);
        let alarm = Alarm::new();
        while owner.seen.len() < 3 {
            if !owner.dispatch() || owner.seen.len() >= 3 {
                continue;
            }
            if owner.mailbox.wake_by(&Waker::from(alarm.clone()), Resting::Away) {
                alarm.notify.wait();
            }
        }
        posters.into_iter().for_each(|poster| poster.join().unwrap());
        assert_each_once_in_order(&owner);
    });
}

#[test]
fn the_last_of_two_wakers_is_called() {
    check(|| {
        let mut owner = Owner::new(1);
        let poster = owner.poster(0);
        let poster = thread::spawn(move || poster.finish());
        let (first, second) = (Alarm::new(), Alarm::new());
        let mut polls = [&first, &second].into_iter();
        while owner.seen.is_empty() {
            if !owner.dispatch() || !owner.seen.is_empty() {
                continue;
            }
            let alarm = polls.next().unwrap_or(&second);
            if owner.mailbox.wake_by(&Waker::from(alarm.clone()), Resting::Away)
                && Arc::ptr_eq(alarm, &second)
            {
                second.notify.wait();
            }
        }
        poster.join().unwrap();
    });
}

/// Between two polls of the task somebody else dispatches.
#[test]
fn a_dispatch_elsewhere_leaves_the_waker_at_work() {
    check(|| {
        let mut owner = Owner::new(1);
        let poster = owner.poster(0);
        let poster = thread::spawn(move || poster.finish());
        let alarm = Alarm::new();
        while owner.seen.is_empty() {
            if !owner.dispatch() || !owner.seen.is_empty() {
                continue;
            }
            if owner.mailbox.wake_by(&Waker::from(alarm.clone()), Resting::Away) {
                owner.look();
                if owner.mailbox.rest(Resting::Polled) && owner.seen.is_empty() {
                    alarm.notify.wait();
                }
            }
        }
        poster.join().unwrap();
    });
}

/// Inside a callback: the park ends (here by time), and the dispatch around it goes on.
#[test]
fn a_park_inside_a_dispatch_that_times_out() {
    check(|| {
        let mut owner = Owner::new(1);
        let poster = owner.poster(0);
        let poster = thread::spawn(move || poster.finish());
        owner.look();
        if owner.mailbox.begin_park() {
            yield_now();
            owner.mailbox.end_park(Resting::Awake);
        }
        if owner.mailbox.rest(Resting::Away) && owner.seen.is_empty() {
            owner.bell.notify.wait();
        }
        owner.dispatch_until(1);
        poster.join().unwrap();
    });
}

#[test]
fn close_against_post() {
    check(|| {
        let mut owner = Owner::new(2);
        let (one, two) = (owner.poster(0), owner.poster(1));
        let one = thread::spawn(move || one.finish());
        owner.mailbox.close();
        let at_most = owner.bell.rung();
        assert!(at_most <= 1);
        two.finish();
        one.join().unwrap();
        assert!(owner.bell.rung() <= 1);
        let mailbox = Arc::downgrade(&owner.mailbox);
        drop(owner);
        assert_eq!(mailbox.strong_count(), 0);
    });
}

#[test]
fn nothing_is_rung_after_close() {
    check(|| {
        let mut owner = Owner::new(1);
        owner.mailbox.close();
        let poster = owner.poster(0);
        thread::spawn(move || poster.finish()).join().unwrap();
        assert_eq!(owner.bell.rung(), 0);
    });
}

/// As the callback may give its key to the next one before its job's thread is out of its post.
#[test]
fn a_key_is_used_again_at_once() {
    check(|| {
        let mut owner = Owner::new(1);
        for round in 1..=2 {
            let poster = owner.poster(0);
            let poster = thread::spawn(move || poster.finish());
            owner.dispatch_until(round);
            // The thread may be at its end yet, or not; the next one posts meanwhile.
            owner.done[0].store(false, Ordering::Relaxed);
            if round == 2 {
                poster.join().unwrap();
            }
        }
        assert_eq!(owner.seen, [0, 0]);
    });
}

/// Whatever order they are given back in, the last reference frees the slots, and with them the mailbox.
#[test]
fn wakers_against_the_end_of_the_slots() {
    check(|| {
        let mut owner = Owner::new(1);
        let (one, two) = (owner.slots.waker(0), owner.poster(0));
        let threads = [thread::spawn(move || drop(one)), thread::spawn(move || two.finish())];
        let mailbox = Arc::downgrade(&owner.mailbox);
        drop(owner);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(mailbox.strong_count(), 0);
    });
}

fn group() -> Group {
    let builder = Group::builder().min_threads(0).max_threads(1).keep_alive(Duration::MAX);
    // Loom has no clock to end a spin by.
    builder.linger(Duration::ZERO).build().unwrap()
}

#[test]
fn wait_against_a_real_job() {
    check(|| {
        let group = group();
        let completions = Completions::new().unwrap();
        let sum = Rc::new(Cell::new(0));
        let into = sum.clone();
        group.offload(|| 1).on_done_in(&completions, move |n| into.set(into.get() + n.unwrap()));
        while completions.pending() > 0 {
            completions.wait(None);
        }
        assert_eq!(sum.get(), 1);
    });
}

#[test]
fn wait_for_two_real_jobs_one_after_the_other() {
    check_bounded(1, || {
        let group = group();
        let completions = Completions::new().unwrap();
        let order = Rc::new(RefCell::new(Vec::new()));
        for n in 0..2 {
            let order = order.clone();
            group.offload(move || n).on_done_in(&completions, move |n| order.borrow_mut().push(n.unwrap()));
        }
        while completions.pending() > 0 {
            completions.wait(None);
        }
        assert_eq!(*order.borrow(), [0, 1]);
    });
}

#[test]
fn drop_against_a_real_job() {
    check(|| {
        let group = group();
        let completions = Completions::new().unwrap();
        let called = Rc::new(Cell::new(false));
        let calls = called.clone();
        group.offload(|| 1).on_done_in(&completions, move |_| calls.set(true));
        drop(completions);
        assert_eq!(Rc::strong_count(&called), 1);
        assert!(!called.get());
    });
}
