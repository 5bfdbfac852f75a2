//! Wakers of those who wait for something to change.
//!
//! Wakers are foreign code, and so are their clones and destructors: none of it runs under the lock, and a panic of
//! it stays where it is. (A list that wakes under its lock deadlocks as soon as a waker drops the last reference to a task that
//! waits in the same list.)
//!
//! The two sides: a waiter registers, then looks at the condition again. Whoever changes the condition does so, then looks
//! whether anybody waits. A `SeqCst` fence lies between the two steps of each, so one of them sees the other.

use crate::panic::contain;
use crate::sync::{AtomicUsize, Mutex, Ordering, fence, lock};
use std::collections::BTreeMap;
use std::task::Waker;

/// First come, first woken.
pub(crate) struct WaitList {
    /// How many wait, so that those who find nobody need no lock.
    len: AtomicUsize,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// A place in the list; to be given back with [`WaitList::leave`].
#[derive(Debug)]
pub(crate) struct Ticket(u64);

impl WaitList {
    pub(crate) fn new() -> Self {
        Self { len: AtomicUsize::new(0), waiting: Mutex::new(Waiting { next: 0, wakers: BTreeMap::new() }) }
    }

    /// Has the waker called at the next change, once. The caller must look at its condition again afterwards. A ticket
    /// keeps its place, also if it was called in vain.
    pub(crate) fn register(&self, ticket: &mut Option<Ticket>, waker: &Waker) {
        let waker = waker.clone();
        let mut waiting = lock(&self.waiting);
        let number = match ticket {
            Some(Ticket(number)) => *number,
            None => {
                waiting.next += 1;
                waiting.next
            }
        };
        let old = waiting.wakers.insert(number, waker);
        self.publish_len(&waiting);
        drop(waiting);
        contain(move || drop(old));
        *ticket = Some(Ticket(number));
        // Pairs with the fence in `anybody`.
        fence(Ordering::SeqCst);
    }

    /// Replaces the waker of a ticket whose waker has not been called yet; false if it has.
    pub(crate) fn renew(&self, ticket: &Ticket, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut waiting = lock(&self.waiting);
        let (renewed, unused) = match waiting.wakers.get_mut(&ticket.0) {
            Some(place) => (true, std::mem::replace(place, waker)),
            None => (false, waker),
        };
        drop(waiting);
        contain(move || drop(unused));
        renewed
    }

    /// Gives a place back. False if the waker was called before, or is about to be.
    pub(crate) fn leave(&self, ticket: Ticket) -> bool {
        let mut waiting = lock(&self.waiting);
        let waker = waiting.wakers.remove(&ticket.0);
        self.publish_len(&waiting);
        drop(waiting);
        let waited = waker.is_some();
        contain(move || drop(waker));
        waited
    }

    /// Wakes the one who has waited longest.
    pub(crate) fn wake_one(&self) {
        if !self.anybody() {
            return;
        }
        let mut waiting = lock(&self.waiting);
        let first = waiting.wakers.pop_first();
        self.publish_len(&waiting);
        drop(waiting);
        if let Some((_, waker)) = first {
            contain(move || waker.wake());
        }
    }

    /// Wakes so many of those who have waited longest.
    pub(crate) fn wake_some(&self, most: usize) {
        if !self.anybody() {
            return;
        }
        let mut waiting = lock(&self.waiting);
        let first: Vec<Waker> =
            std::iter::from_fn(|| waiting.wakers.pop_first()).take(most).map(|(_, waker)| waker).collect();
        self.publish_len(&waiting);
        drop(waiting);
        for waker in first {
            contain(move || waker.wake());
        }
    }

    /// Wakes all.
    pub(crate) fn wake_all(&self) {
        if !self.anybody() {
            return;
        }
        let mut waiting = lock(&self.waiting);
        let wakers = std::mem::take(&mut waiting.wakers);
        self.publish_len(&waiting);
        drop(waiting);
        for waker in wakers.into_values() {
            contain(move || waker.wake());
        }
    }

    /// Whether nobody waits, as far as can be seen without a fence.
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    fn anybody(&self) -> bool {
        // Pairs with the fence in `register`.
        fence(Ordering::SeqCst);
        self.len.load(Ordering::Relaxed) > 0
    }

    fn publish_len(&self, waiting: &Waiting) {
        // Relaxed: ordered by the fences.
        self.len.store(waiting.wakers.len(), Ordering::Relaxed);
    }
}

#[cfg(all(test, aside_loom))]
mod model {
    use super::*;
    use crate::sync::{AtomicBool, check, counting_waker};
    use loom::thread;
    use std::sync::Arc;

    /// Of "change, then wake" and "register, then look" one sees the other.
    #[test]
    fn register_against_change() {
        check(|| {
            let list = Arc::new(WaitList::new());
            let changed = Arc::new(AtomicBool::new(false));
            let changer = {
                let (list, changed) = (list.clone(), changed.clone());
                thread::spawn(move || {
                    changed.store(true, Ordering::Relaxed);
                    list.wake_one();
                })
            };
            let (woken, waker) = counting_waker();
            let mut ticket = None;
            list.register(&mut ticket, &waker);
            let seen = changed.load(Ordering::Relaxed);
            changer.join().unwrap();
            let woken = woken.0.load(Ordering::Relaxed) > 0;
            assert!(seen || woken);
            assert_eq!(list.leave(ticket.unwrap()), !woken);
        });
    }

    /// Of two who wait and two who wake, nobody is left.
    #[test]
    fn each_wake_finds_another() {
        check(|| {
            let list = Arc::new(WaitList::new());
            let waiters = [(); 2].map(|()| counting_waker());
            for (_, waker) in &waiters {
                list.register(&mut None, waker);
            }
            let other = list.clone();
            let waker = thread::spawn(move || other.wake_one());
            list.wake_one();
            waker.join().unwrap();
            assert!(waiters.iter().all(|(woken, _)| woken.0.load(Ordering::Relaxed) > 0));
        });
    }
}
