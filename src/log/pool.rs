//! The rings of a writer that have no thread now, and those that the drain does not know yet.

use super::front::{Back, Front};
use crate::sync::{AtomicU64, Mutex, Ordering, lock};
use std::collections::HashSet;

/// So many rings without a thread are kept for new ones.
const KEPT: usize = if cfg!(aside_loom) { 0 } else { 8 };

pub(super) struct Pool {
    inside: Mutex<Inside>,
    /// How many rings there have ever been but the guests'.
    made: AtomicU64,
}

struct Inside {
    /// Without a thread.
    free: Vec<Front>,
    /// Not yet with the drain.
    fresh: Vec<Back>,
    /// With the guests'.
    rings: usize,
}

impl Pool {
    pub(super) fn new() -> Self {
        let inside = Inside { free: Vec::new(), fresh: Vec::new(), rings: 1 };
        Self { inside: Mutex::new(inside), made: AtomicU64::new(0) }
    }

    /// How many rings there are, with the guests'.
    pub(super) fn rings(&self) -> usize {
        lock(&self.inside).rings
    }

    /// A ring for a new thread: one that another has left, or one that is made, unless there are `most`.
    pub(super) fn take(&self, most: usize, make: impl FnOnce(u64) -> (Front, Back)) -> Option<Front> {
        let mut inside = lock(&self.inside);
        if let Some(front) = inside.free.pop() {
            return Some(front);
        }
        if inside.rings >= most {
            return None;
        }
        inside.rings += 1;
        // In the lock: ordered by it.
        let number = self.made.load(Ordering::Relaxed) + 1;
        let (front, back) = make(number);
        inside.fresh.push(back);
        // Release: whoever sees a record of this thread, or of one that comes after it, sees that there is a ring to fetch; pairs with
        // the acquire in `fetch_fresh`.
        self.made.store(number, Ordering::Release);
        Some(front)
    }

    /// A thread does not need it any more.
    pub(super) fn give_back(&self, front: Front) {
        lock(&self.inside).free.push(front);
    }

    /// What was made since `fetched` rings were. Adds to it.
    pub(super) fn fetch_fresh(&self, fetched: &mut u64) -> Vec<Back> {
        // Acquire: pairs with the release in `take`.
        if self.made.load(Ordering::Acquire) == *fetched {
            return Vec::new();
        }
        let fresh = std::mem::take(&mut lock(&self.inside).fresh);
        *fetched += fresh.len() as u64;
        fresh
    }

    /// Drops rings without a thread that nothing is left in, if there are many. Returns their numbers.
    pub(super) fn trim(&self) -> HashSet<u64> {
        let mut inside = lock(&self.inside);
        let mut surplus = inside.free.len().saturating_sub(KEPT);
        let (kept, gone): (Vec<_>, Vec<_>) = inside.free.drain(..).partition(|front| {
            let stays = surplus == 0 || !front.producer.is_drained();
            if !stays {
                surplus -= 1;
            }
            stays
        });
        inside.free = kept;
        inside.rings -= gone.len();
        drop(inside);
        gone.iter().map(|front| front.number).collect()
    }
}
