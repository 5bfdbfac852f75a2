//! The rings of a writer that have no thread now: those that were prepared, and those that a thread has left. And those that the drain does not know yet.

use super::drops::Drops;
use super::front::{Back, Front, footprint, new_ring};
use crate::ring::Slab;
use crate::sync::{AtomicU64, Mutex, Ordering, lock};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// So many rings that a thread has left are kept with the drain, for new ones.
const KEPT: usize = if cfg!(aside_loom) { 0 } else { 8 };
/// Smaller rings are not worth a slab.
const LEAST_OF_SLAB: usize = 64 * 1024;

/// What all rings of a writer have in common.
pub(super) struct Kind {
    pub(super) capacity: usize,
    /// How many bytes they may take together.
    pub(super) budget: usize,
    /// Counts what is discarded, if records may be.
    pub(super) drops: Option<Arc<Drops>>,
}

impl Kind {
    /// How many bytes a ring takes.
    fn footprint(&self) -> usize {
        footprint(self.capacity, self.drops.is_some())
    }

    /// How many rings a slab has; 0 if they are too large, or too small for one.
    fn rings_of_slab(&self) -> usize {
        if self.footprint() < LEAST_OF_SLAB { 0 } else { Slab::BYTES / self.footprint() }
    }

    /// `None` if there is no memory.
    fn make(&self, number: u64, slab: Option<&mut Slab>) -> Option<Ring> {
        let (front, back) = new_ring(number, self.capacity, self.drops.as_ref(), slab)?;
        Some(Ring { front, back })
    }

    /// All rings of a slab, by number.
    fn cut(&self, slab: &mut Slab, first: u64) -> Option<Vec<Ring>> {
        (first..).take(self.rings_of_slab()).map(|number| self.make(number, Some(slab))).collect()
    }
}

/// Both ends of a ring. It is empty, and neither a thread nor the drain knows it.
struct Ring {
    front: Front,
    back: Back,
}

pub(super) struct Pool {
    kind: Kind,
    inside: Mutex<Inside>,
    /// How many rings were ever handed to threads that the drain did not know.
    handed: AtomicU64,
    /// The last prepared ring was taken, and nobody has tried to prepare more.
    is_bare: AtomicBool,
}

struct Inside {
    /// Left by a thread.
    free: Vec<Front>,
    /// Not yet with the drain.
    fresh: Vec<Back>,
    /// Prepared. The last one goes first.
    shelf: Vec<Ring>,
    /// By its first ring's number: how many each slab has.
    slabs: BTreeMap<u64, usize>,
    /// With the guests', without those on the shelf.
    rings: usize,
    /// Taken by all rings and slabs.
    bytes: usize,
    /// No ring has had this number, nor a higher one.
    next: u64,
}

impl Inside {
    fn has_budget(&self, kind: &Kind, bytes: usize) -> bool {
        self.bytes.checked_add(bytes).is_some_and(|all| all <= kind.budget)
    }

    /// The first ring of the slab that the ring of this number is in, and how many that has.
    fn slab_of(&self, number: u64) -> Option<(u64, usize)> {
        let (&first, &rings) = self.slabs.range(..=number).next_back()?;
        (number - first < rings as u64).then_some((first, rings))
    }

    /// Lays them on the shelf. Who takes one need not allocate.
    fn shelve(&mut self, rings: Vec<Ring>) {
        self.shelf.extend(rings);
        // The oldest go first, so that slabs that came later become free.
        self.shelf.sort_unstable_by_key(|ring| std::cmp::Reverse(ring.front.number));
        let rings = self.shelf.len();
        self.fresh.reserve(rings);
    }

    /// Takes slabs off the shelf that are there with all their rings, as long as others are left.
    fn drop_slabs(&mut self) -> Vec<Ring> {
        let mut dropped = Vec::new();
        let slabs: Vec<(u64, usize)> =
            self.slabs.iter().rev().map(|(&first, &rings)| (first, rings)).collect();
        for (first, rings) in slabs {
            let is_of_it = |ring: &Ring| (first..first + rings as u64).contains(&ring.front.number);
            let there = self.shelf.iter().filter(|ring| is_of_it(ring)).count();
            if there == rings && self.shelf.len() > rings {
                let (gone, kept) = self.shelf.drain(..).partition(is_of_it);
                self.shelf = kept;
                self.slabs.remove(&first);
                self.bytes -= Slab::BYTES;
                dropped.push(gone);
            }
        }
        dropped.into_iter().flat_map(|rings: Vec<Ring>| rings).collect()
    }
}

impl Pool {
    /// With the guests' ring, whatever the budget. Prepares the first slab, if the budget allows one. `None` if there is no memory for that ring.
    pub(super) fn new(kind: Kind) -> Option<(Self, (Front, Back))> {
        let mut inside = Inside {
            free: Vec::new(),
            fresh: Vec::new(),
            shelf: Vec::new(),
            slabs: BTreeMap::new(),
            rings: 1,
            bytes: 0,
            next: 1,
        };
        let rings = kind.rings_of_slab();
        // The guests' ring, number 0, is in the first slab, unless nothing else were.
        let slab = if rings > 1 && inside.has_budget(&kind, Slab::BYTES) { Slab::new() } else { None };
        let guests = match slab {
            Some(mut slab) => {
                let mut cut = kind.cut(&mut slab, 0)?;
                inside.slabs.insert(0, rings);
                inside.bytes = Slab::BYTES;
                inside.next = rings as u64;
                let guests = cut.remove(0);
                inside.shelve(cut);
                guests
            }
            None => {
                inside.bytes = kind.footprint();
                kind.make(0, None)?
            }
        };
        let is_bare = AtomicBool::new(inside.shelf.is_empty());
        let pool = Self { kind, inside: Mutex::new(inside), handed: AtomicU64::new(0), is_bare };
        pool.prepare();
        Some((pool, (guests.front, guests.back)))
    }

    /// How many rings there are, with the guests', without those that were prepared.
    pub(super) fn rings(&self) -> usize {
        lock(&self.inside).rings
    }

    /// A ring for a new thread: one that another has left, or one that was prepared, or else one that is made, if the budget allows and there is memory.
    pub(super) fn take(&self) -> Option<Front> {
        let mut inside = lock(&self.inside);
        if let Some(front) = inside.free.pop() {
            return Some(front);
        }
        let ring = match inside.shelf.pop() {
            Some(ring) => ring,
            None => {
                let bytes = self.kind.footprint();
                if !inside.has_budget(&self.kind, bytes) {
                    return None;
                }
                let ring = self.kind.make(inside.next, None)?;
                inside.bytes += bytes;
                inside.next += 1;
                ring
            }
        };
        if inside.shelf.is_empty() {
            // Relaxed: a hint. The drain is about to make a pass, for the record that the ring is taken for.
            self.is_bare.store(true, Ordering::Relaxed);
        }
        inside.rings += 1;
        inside.fresh.push(ring.back);
        // In the lock: ordered by it.
        let handed = self.handed.load(Ordering::Relaxed) + 1;
        // Release: whoever sees a record of this thread, or of one that comes after it, sees that there is a ring to fetch; pairs with
        // the acquire in `fetch_fresh`.
        self.handed.store(handed, Ordering::Release);
        Some(ring.front)
    }

    /// A thread does not need it any more.
    pub(super) fn give_back(&self, front: Front) {
        lock(&self.inside).free.push(front);
    }

    /// What was handed out since `fetched` rings were. Adds to it.
    pub(super) fn fetch_fresh(&self, fetched: &mut u64) -> Vec<Back> {
        // Acquire: pairs with the release in `take`.
        if self.handed.load(Ordering::Acquire) == *fetched {
            return Vec::new();
        }
        // Leaves the list's memory, for threads to come.
        let fresh: Vec<Back> = lock(&self.inside).fresh.drain(..).collect();
        *fetched += fresh.len() as u64;
        fresh
    }

    /// Prepares a slab of rings, if the last one was taken and the budget allows. To be called where it does not matter that this takes some hundred µs.
    pub(super) fn prepare(&self) {
        if !self.is_bare.load(Ordering::Relaxed) || !self.is_bare.swap(false, Ordering::Relaxed) {
            return;
        }
        let rings = self.kind.rings_of_slab();
        if rings == 0 {
            return;
        }
        let first = {
            let mut inside = lock(&self.inside);
            if !inside.shelf.is_empty() || !inside.has_budget(&self.kind, Slab::BYTES) {
                return;
            }
            inside.bytes += Slab::BYTES;
            inside.next += rings as u64;
            inside.next - rings as u64
        };
        // Not in the lock, as threads that begin to log wait for that.
        let cut = Slab::new().and_then(|mut slab| self.kind.cut(&mut slab, first));
        let mut inside = lock(&self.inside);
        match cut {
            Some(cut) => {
                inside.slabs.insert(first, rings);
                inside.shelve(cut);
            }
            None => inside.bytes -= Slab::BYTES,
        }
    }

    /// Takes out rings without a thread that nothing is left in, if there are many, by number.
    pub(super) fn trim(&self) -> HashMap<u64, Front> {
        let mut inside = lock(&self.inside);
        let mut surplus = inside.free.len().saturating_sub(KEPT);
        if surplus == 0 {
            return HashMap::new();
        }
        let mut free = std::mem::take(&mut inside.free);
        // So that those that stay are in few slabs: the newest go.
        free.sort_unstable_by_key(|front| std::cmp::Reverse(front.number));
        let mut unused = HashMap::new();
        for front in free {
            // One that the drain does not know yet is for the next time.
            let is_fresh = inside.fresh.iter().any(|back| back.number == front.number);
            if surplus > 0 && !is_fresh && front.producer.is_drained() {
                surplus -= 1;
                unused.insert(front.number, front);
            } else {
                inside.free.push(front);
            }
        }
        inside.rings -= unused.len();
        unused
    }

    /// Both ends of rings that were taken out. Those of a slab are prepared for new threads, or dropped with all the others of it; those with memory of their own are dropped.
    pub(super) fn put_away(&self, mut fronts: HashMap<u64, Front>, backs: Vec<Back>) {
        let mut shelved = Vec::new();
        for back in backs {
            if let Some(front) = fronts.remove(&back.number) {
                shelved.push(Ring { front, back });
            }
        }
        let dropped = {
            let mut inside = lock(&self.inside);
            let (shelved, own): (Vec<_>, Vec<_>) =
                shelved.into_iter().partition(|ring| inside.slab_of(ring.front.number).is_some());
            inside.bytes -= own.len() * self.kind.footprint();
            inside.shelve(shelved);
            (inside.drop_slabs(), own)
        };
        // Not in the lock.
        drop(dropped);
    }
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// A pool, with the drain's rings.
    struct Stand {
        pool: Pool,
        rings: Vec<Back>,
        fetched: u64,
        _guests: Front,
    }

    impl Stand {
        fn new(capacity: usize, budget: usize, discards: bool) -> Self {
            let drops = discards.then(|| Arc::new(Drops::new()));
            let (pool, (front, back)) = Pool::new(Kind { capacity, budget, drops }).unwrap();
            Self { pool, rings: vec![back], fetched: 0, _guests: front }
        }

        fn bytes(&self) -> usize {
            lock(&self.pool.inside).bytes
        }

        fn prepared(&self) -> usize {
            lock(&self.pool.inside).shelf.len()
        }

        /// A pass of the drain. Returns what was logged.
        fn pass(&mut self) -> Vec<u8> {
            self.rings.extend(self.pool.fetch_fresh(&mut self.fetched));
            let mut seen = Vec::new();
            for ring in &mut self.rings {
                ring.copy_out(u64::MAX);
                let run = ring.consumer.run(ring.consumer.committed(), u64::MAX, usize::MAX);
                let records = run.records;
                seen.extend(run.bytes.concat());
                ring.consumer.release(records);
            }
            self.pool.prepare();
            seen
        }

        fn trim(&mut self) {
            let unused = self.pool.trim();
            let (backs, kept) = self.rings.drain(..).partition(|ring| unused.contains_key(&ring.number));
            self.rings = kept;
            self.pool.put_away(unused, backs);
        }
    }

    #[test]
    fn threads_take_what_was_prepared_and_more_is_prepared_when_all_is_taken() {
        let mut stand = Stand::new(256 * 1024, 64 * MIB, false);
        assert_eq!((stand.bytes(), stand.prepared()), (2 * MIB, 5));
        let mut fronts: Vec<Front> = (0..4).map(|_| stand.pool.take().unwrap()).collect();
        stand.pass();
        assert_eq!((stand.bytes(), stand.prepared()), (2 * MIB, 1), "not before the last is taken");
        fronts.extend(stand.pool.take());
        stand.pass();
        assert_eq!((stand.bytes(), stand.prepared()), (4 * MIB, 6));
        // More than the drain has prepared: the seventh has memory of its own.
        fronts.extend((0..7).map(|_| stand.pool.take().unwrap()));
        assert_eq!((stand.bytes(), stand.prepared()), (4 * MIB + footprint(256 * 1024, false), 0));
        assert_eq!(stand.pool.rings(), 1 + fronts.len());
    }

    #[test]
    fn slabs_without_threads_go() {
        let mut stand = Stand::new(256 * 1024, 256 * MIB, false);
        let mut fronts = Vec::new();
        for n in 0..100 {
            fronts.extend(stand.pool.take());
            // At times the drain does not come in time.
            if n % 10 > 2 {
                stand.pass();
            }
        }
        let stays = fronts.pop().unwrap();
        let before = stand.bytes();
        assert!(before > 32 * MIB);
        fronts.into_iter().for_each(|front| stand.pool.give_back(front));
        stand.pass();
        stand.trim();
        // The first with the guests' and five that are kept, the second with three that are kept, and the one that a thread is in.
        assert_eq!((stand.pool.rings(), stand.bytes()), (1 + KEPT + 1, 6 * MIB), "of {before}");
        stand.pool.give_back(stays);
        stand.trim();
        assert_eq!((stand.pool.rings(), stand.bytes()), (1 + KEPT, 4 * MIB));
        assert_eq!(stand.rings.len(), 1 + KEPT);
    }

    /// The drain has their other ends still to come.
    #[test]
    fn rings_that_the_drain_does_not_know_stay() {
        let mut stand = Stand::new(1024, MIB, false);
        let fronts: Vec<Front> = (0..KEPT + 3).map(|_| stand.pool.take().unwrap()).collect();
        fronts.into_iter().for_each(|front| stand.pool.give_back(front));
        stand.trim();
        assert_eq!(stand.pool.rings(), 1 + KEPT + 3);
        stand.pass();
        stand.trim();
        assert_eq!((stand.pool.rings(), stand.rings.len()), (1 + KEPT, 1 + KEPT));
    }

    #[test]
    fn one_slab_stays_prepared() {
        let mut stand = Stand::new(256 * 1024, 64 * MIB, false);
        // Five of the first slab, and more with memory of their own than are to go.
        let fronts: Vec<Front> = (0..5 + KEPT + 1).map(|_| stand.pool.take().unwrap()).collect();
        stand.pass();
        assert_eq!(stand.prepared(), 6);
        fronts.into_iter().for_each(|front| stand.pool.give_back(front));
        stand.trim();
        assert_eq!((stand.pool.rings(), stand.prepared()), (1 + KEPT, 6));
    }

    #[test]
    fn a_small_budget_has_no_slab() {
        for (capacity, budget) in [
            (256 * 1024, MIB),
            (256 * 1024, 2 * MIB - 1),
            (64 * 1024, MIB),
            (1024, 4096),
            (2 * MIB, 16 * MIB),
        ] {
            let mut stand = Stand::new(capacity, budget, false);
            let footprint = footprint(capacity, false);
            assert_eq!((stand.bytes(), stand.prepared()), (footprint, 0));
            let fronts: Vec<Front> = std::iter::from_fn(|| stand.pool.take()).collect();
            assert_eq!(1 + fronts.len(), budget / footprint);
            stand.pass();
            assert_eq!(stand.prepared(), 0);
        }
        // The rest of a budget that a slab does not fit into.
        let mut stand = Stand::new(256 * 1024, 3 * MIB, false);
        let fronts: Vec<Front> = std::iter::from_fn(|| {
            stand.pass();
            stand.pool.take()
        })
        .collect();
        assert_eq!(fronts.len(), 5 + 3);
        // Not even the guests' ring fits, and it is there.
        assert_eq!(Stand::new(1024, 0, true).pool.rings(), 1);
    }

    /// Whatever comes and goes: each record comes out once, and the budget is kept.
    #[test]
    fn random_threads_with_random_rings() {
        for seed in 0..60 {
            let mut random = fastrand::Rng::with_seed(seed);
            let capacity = 1024 << random.u32(..12);
            let discards = random.bool();
            let footprint = footprint(capacity, discards);
            let budget = random.usize(..24 * MIB);
            let mut stand = Stand::new(capacity, budget, discards);
            let mut threads: Vec<Front> = Vec::new();
            let mut expected = 0_u64;
            let mut seen = 0_u64;
            for n in 0..500_u64 {
                match random.u8(..10) {
                    0..4 => threads.extend(stand.pool.take()),
                    4..6 if !threads.is_empty() => {
                        let front = threads.swap_remove(random.usize(..threads.len()));
                        stand.pool.give_back(front);
                    }
                    6 => {
                        threads.drain(..).for_each(|front| stand.pool.give_back(front));
                    }
                    7 => seen += sum(&stand.pass()),
                    8 => stand.trim(),
                    _ => {}
                }
                for front in &mut threads {
                    if random.bool() && front.push(&n.to_le_bytes(), 0).is_ok() {
                        expected += n;
                    }
                }
                assert!(stand.bytes() <= budget.max(footprint), "seed {seed}");
                let most = stand.bytes() / footprint;
                assert!(stand.pool.rings() + stand.prepared() <= most, "seed {seed}");
            }
            threads.drain(..).for_each(|front| stand.pool.give_back(front));
            seen += sum(&stand.pass());
            seen += sum(&stand.pass());
            assert_eq!(seen, expected, "seed {seed}");
            stand.trim();
            assert!(stand.pool.rings() <= 1 + KEPT);
            // Those that are kept may each be in a slab of its own.
            assert!(stand.bytes() <= (1 + KEPT + 1) * Slab::BYTES.max(footprint), "seed {seed}");
        }
    }

    fn sum(records: &[u8]) -> u64 {
        records.chunks(8).map(|record| u64::from_le_bytes(record.try_into().unwrap())).sum()
    }
}
