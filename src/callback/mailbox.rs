//! The keys of finished jobs, on their way to the thread that holds the callbacks. The protocol is in `README.md`.

use super::bell::Bell;
use crate::job::{Post, Slot, Slots};
use crate::panic::contain;
use crate::sync::{AtomicUsize, Mutex, Ordering, Thread, current, lock};
use crossbeam_utils::CachePadded;
use std::sync::Arc;
use std::task::Waker;

// The values of `head` that are no key: nothing is there, and ...
/// ... the bell is to be rung for the first key.
const EMPTY: usize = 0;
/// ... the owner is about to look again by itself.
const AWAKE: usize = 1;
/// ... the owner is parked.
const PARKED: usize = 2;
/// ... the owner's waker is to be called.
const POLLED: usize = 3;
/// ... nobody will ever look.
const CLOSED: usize = 4;
/// From here on a key is there, and this much above it.
const FIRST_KEY: usize = 5;

/// What the owner is at when it does not wait.
#[derive(Clone, Copy)]
#[repr(usize)]
pub(super) enum Resting {
    /// Somewhere else: the bell is to be rung.
    Away = EMPTY,
    /// In a dispatch, which looks again by itself.
    Awake = AWAKE,
    /// Somewhere else, and a task of it waits: its waker is to be called.
    Polled = POLLED,
}

pub(super) struct Mailbox {
    /// The key posted last, or a state. The list leads from there to the key posted first.
    head: CachePadded<AtomicUsize>,
    bell: Bell,
    owner: Thread,
    /// Locked for a moment only: no foreign code runs meanwhile.
    waker: Mutex<Option<Waker>>,
}

impl Mailbox {
    /// For the calling thread.
    pub(super) fn new(bell: Bell) -> Arc<Self> {
        Arc::new(Self {
            head: CachePadded::new(AtomicUsize::new(EMPTY)),
            bell,
            owner: current(),
            waker: Mutex::new(None),
        })
    }

    pub(super) fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Takes all keys and puts them into `keys`, last posted first. From now on nobody is told of new ones, until
    /// the owner [`rest`](Self::rest)s.
    pub(super) fn take(&self, slots: &Slots<Self>, keys: &mut Vec<u32>) {
        // Acquire: pairs with the release in `link`.
        let mut next = self.head.swap(AWAKE, Ordering::AcqRel);
        while next >= FIRST_KEY {
            let key = (next - FIRST_KEY) as u32;
            keys.push(key);
            // Relaxed: what the poster wrote; the slot is the owner's now.
            next = slots.get(key).next.load(Ordering::Relaxed) as usize;
        }
    }

    /// The end of a dispatch. False if there are keys already.
    pub(super) fn rest(&self, to: Resting) -> bool {
        let (mut now, to) = (AWAKE, to as usize);
        while now < FIRST_KEY && now != to {
            match self.head.compare_exchange(now, to, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        // Still at rest if no key was taken since.
        now == to
    }

    /// Has nobody told of the next key. False if there are keys already.
    pub(super) fn stay_awake(&self, from: Resting) -> bool {
        self.enter(from, AWAKE) || (matches!(from, Resting::Away) && self.enter(Resting::Polled, AWAKE))
    }

    pub(super) fn has_keys(&self) -> bool {
        self.head.load(Ordering::Relaxed) >= FIRST_KEY
    }

    /// Has the next key unpark this thread, which stayed awake. False if there are keys already.
    pub(super) fn begin_park(&self) -> bool {
        self.enter(Resting::Awake, PARKED)
    }

    /// Whether there has been no key since.
    pub(super) fn is_parked(&self) -> bool {
        self.head.load(Ordering::Acquire) == PARKED
    }

    /// What was before [`begin_park`](Self::begin_park), unless keys have come.
    pub(super) fn end_park(&self, to: Resting) {
        let _ = self.head.compare_exchange(PARKED, to as usize, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Has the next key call this waker. False if there are keys already.
    pub(super) fn wake_by(&self, waker: &Waker, from: Resting) -> bool {
        let is_there = lock(&self.waker).as_ref().is_some_and(|there| there.will_wake(waker));
        if !is_there {
            let new = waker.clone();
            let old = lock(&self.waker).replace(new);
            contain(|| drop(old));
        }
        self.enter(from, POLLED)
    }

    /// Calls the waker, if there is one, and forgets it.
    pub(super) fn wake(&self) {
        let waker = lock(&self.waker).take();
        contain(|| waker.into_iter().for_each(Waker::wake));
    }

    fn enter(&self, from: Resting, to: usize) -> bool {
        // Release: the waker registered before is there for whoever finds `POLLED`.
        self.head.compare_exchange(from as usize, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// From now on keys are let go, and nobody is told of them.
    pub(super) fn close(&self) {
        self.head.store(CLOSED, Ordering::Relaxed);
        let waker = lock(&self.waker).take();
        contain(|| drop(waker));
    }

    /// Puts a key into the list, and returns what was there before, for [`tell`](Self::tell).
    pub(super) fn link(&self, slot: &Slot) -> Before {
        let mut head = self.head.load(Ordering::Relaxed);
        while head != CLOSED {
            // Relaxed: published by the next step. In a state that is no key the list ends.
            slot.next.store(head as u32, Ordering::Relaxed);
            let key = slot.key() as usize + FIRST_KEY;
            // Release: publishes `next` and the finished job; pairs with the acquire in `take`. Acquire: hands on what those who
            // posted before have published.
            match self.head.compare_exchange_weak(head, key, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        Before(head)
    }

    /// Tells the owner, if nobody has. Runs foreign code.
    pub(super) fn tell(&self, before: Before) {
        match before.0 {
            EMPTY => self.bell.ring(),
            PARKED => self.owner.unpark(),
            POLLED => {
                self.wake();
                // It may be that of a future that was dropped.
                self.bell.ring();
            }
            _ => {}
        }
    }
}

/// The value of `head` that a key replaced.
#[must_use]
pub(super) struct Before(usize);

/// By any thread; once for each time that the key is given to a callback, and before that callback is taken out again.
impl Post for Mailbox {
    fn post(&self, slot: &Slot) {
        self.tell(self.link(slot));
    }
}
