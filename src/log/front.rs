//! The logging threads' ends of the rings: one for each thread and writer, in a thread-local.

use super::drops::Drops;
use super::shared::Shared;
use super::tail::{Source, Tail};
use crate::os::stamp::Stamps;
use crate::panic::contain;
use crate::ring::{self, Consumer, Full, Producer, Slab};
use crate::sync::{Mutex, lock};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// The longest record, in bytes: 16 MiB. As many bytes of records that are longer than half a ring may wait per thread.
pub(super) const LONGEST: usize = 16 << 20;

/// Records too long for the ring, which holds a mark for each of them.
#[derive(Default)]
pub(super) struct Long {
    waiting: Mutex<(usize, VecDeque<Box<[u8]>>)>,
}

impl Long {
    fn push(&self, record: &[u8]) -> Result<(), Full> {
        let copy: Box<[u8]> = record.into();
        let mut waiting = lock(&self.waiting);
        if waiting.0 > 0 && waiting.0 + record.len() > LONGEST {
            return Err(Full);
        }
        waiting.0 += record.len();
        waiting.1.push_back(copy);
        Ok(())
    }

    /// However many wait.
    pub(super) fn push_in_any_case(&self, record: Box<[u8]>) {
        let mut waiting = lock(&self.waiting);
        waiting.0 += record.len();
        waiting.1.push_back(record);
    }

    /// Takes back what was pushed last, by the same thread, and not marked.
    fn unpush(&self) {
        let mut waiting = lock(&self.waiting);
        if let Some(record) = waiting.1.pop_back() {
            waiting.0 -= record.len();
        }
    }

    /// The oldest.
    pub(super) fn pop(&self) -> Option<Box<[u8]>> {
        let mut waiting = lock(&self.waiting);
        let record = waiting.1.pop_front()?;
        waiting.0 -= record.len();
        Some(record)
    }
}

/// The writing end.
pub(super) struct Front {
    /// Of the ring, among its writer's.
    pub(super) number: u64,
    pub(super) producer: Producer,
    long: Arc<Long>,
    /// For who may discard the oldest records.
    tail: Option<Arc<Tail>>,
    /// `None` if records are not to be stamped.
    stamps: Option<Stamps>,
}

/// The reading end, the drain's.
pub(super) struct Back {
    pub(super) number: u64,
    pub(super) consumer: Consumer,
    pub(super) long: Arc<Long>,
    /// Where records are copied from; `None` if they are written from where the logging thread has put them.
    pub(super) source: Option<Source>,
}

/// `drops` counts what is discarded, if records may be. Where the slab has no room the ring has memory of its own.
pub(super) fn new_ring(
    number: u64,
    capacity: usize,
    stamps: Option<Stamps>,
    drops: Option<&Arc<Drops>>,
    mut slab: Option<&mut Slab>,
) -> (Front, Back) {
    let mut new = |capacity| {
        let cut = slab.as_mut().and_then(|slab| slab.cut(capacity));
        cut.unwrap_or_else(|| ring::new(capacity))
    };
    let (producer, consumer) = new(capacity);
    let long = Arc::new(Long::default());
    let Some(drops) = drops else {
        let front = Front { number, producer, long: long.clone(), tail: None, stamps };
        return (front, Back { number, consumer, long, source: None });
    };
    let tail = Arc::new(Tail::new(consumer, long.clone(), drops.clone(), capacity));
    let (side, consumer) = new(side_of(capacity));
    let side_long = Arc::new(Long::default());
    let source = Some(Source::new(tail.clone(), side, side_long.clone()));
    let front = Front { number, producer, long, tail: Some(tail), stamps };
    (front, Back { number, consumer, long: side_long, source })
}

/// How large a ring's side is.
fn side_of(capacity: usize) -> usize {
    capacity.saturating_mul(2)
}

/// How many bytes such a ring takes.
pub(super) fn footprint(capacity: usize, has_side: bool) -> usize {
    let side = if has_side { ring::footprint(side_of(capacity)) } else { 0 };
    ring::footprint(capacity) + side
}

impl Back {
    /// How many records are here.
    pub(super) fn waiting(&self) -> u64 {
        let here = self.consumer.committed() - self.consumer.released();
        here + self.source.as_ref().map_or(0, Source::waiting)
    }

    /// Brings what is stamped `latest` or before to where the drain looks, if it is not there from the start.
    pub(super) fn copy_out(&mut self, latest: u64) {
        if let Some(source) = &mut self.source {
            source.copy_out(latest);
        }
    }
}

impl Front {
    #[inline(always)]
    pub(super) fn stamp(&self) -> u64 {
        self.stamps.map_or(0, Stamps::now)
    }

    #[inline]
    pub(super) fn push(&mut self, record: &[u8]) -> Result<(), Full> {
        let stamps = self.stamps;
        if record.len() <= self.producer.longest() {
            self.producer.push(record, || stamps.map_or(0, Stamps::now))
        } else {
            self.push_long(record)
        }
    }

    /// Makes room by discarding some of the oldest records, if they may be.
    #[cold]
    pub(super) fn discard(&mut self) {
        if let Some(tail) = &self.tail {
            tail.discard();
        }
    }

    #[cold]
    fn push_long(&mut self, record: &[u8]) -> Result<(), Full> {
        let stamps = self.stamps;
        self.long.push(record)?;
        let marked = self.producer.push_mark(|| stamps.map_or(0, Stamps::now));
        if marked.is_err() {
            self.long.unpush();
        }
        marked
    }
}

thread_local! {
    static FRONTS: RefCell<Fronts> = const { RefCell::new(Fronts { entries: Vec::new() }) };
    /// The writer that this thread is draining, by number; 0 for none. Without a destructor, so that it can be asked at any time.
    static DRAINING: Cell<u64> = const { Cell::new(0) };
}

struct Fronts {
    entries: Vec<Entry>,
}

struct Entry {
    /// The writer's number.
    id: u64,
    shared: Weak<Shared>,
    /// `None` while a grant has it.
    front: Option<Front>,
}

impl Drop for Fronts {
    fn drop(&mut self) {
        for entry in self.entries.drain(..) {
            give_back(&entry.shared, entry.front);
        }
    }
}

/// A thread does not need its ring any more. Its records stay in it.
fn give_back(shared: &Weak<Shared>, front: Option<Front>) {
    if let (Some(shared), Some(front)) = (shared.upgrade(), front) {
        // This may be the last owner, and so drop the sink.
        contain(move || shared.retire(front));
    }
}

impl Fronts {
    /// This thread's ring for the writer; `None` if there is none to be had now.
    #[inline(always)]
    fn of(&mut self, shared: &Arc<Shared>) -> Option<&mut Front> {
        // Most threads log to one writer.
        let first = self.entries.first().is_some_and(|entry| entry.id == shared.id);
        let index = if first { 0 } else { self.find(shared)? };
        self.entries[index].front.as_mut()
    }

    #[cold]
    fn find(&mut self, shared: &Arc<Shared>) -> Option<usize> {
        if let Some(index) = self.entries.iter().position(|entry| entry.id == shared.id) {
            return Some(index);
        }
        self.entries.retain(|entry| entry.shared.strong_count() > 0);
        let front = shared.take_front();
        if front.is_none() {
            // For good: else the thread's records in the common ring and in its own would have no order.
            shared.count_guest();
        }
        self.entries.push(Entry { id: shared.id, shared: Arc::downgrade(shared), front });
        Some(self.entries.len() - 1)
    }
}

/// Has this thread's ring, or else the common one, written to. Never both, so a closure that comes back as `Err` was not called.
#[inline]
pub(super) fn with_front<R>(shared: &Arc<Shared>, write: impl FnOnce(&mut Front) -> R) -> R {
    let mut write = Some(write);
    let done = FRONTS.try_with(|fronts| {
        // Borrowed: this thread is about to get a ring, and logs meanwhile (from its allocator, say).
        let mut fronts = fronts.try_borrow_mut().ok()?;
        let front = fronts.of(shared)?;
        Some(write.take()?(front))
    });
    match (done, write) {
        (Ok(Some(result)), _) => result,
        // Its thread-locals are gone, its ring is on loan, or there are too many.
        (_, Some(write)) => write(&mut lock(&shared.guest)),
        (_, None) => unreachable!("called, and so it has a result"),
    }
}

/// Takes this thread's ring on loan.
pub(super) fn lend(shared: &Arc<Shared>) -> Option<Front> {
    FRONTS
        .try_with(|fronts| {
            let mut fronts = fronts.try_borrow_mut().ok()?;
            fronts.of(shared)?;
            fronts.entries.iter_mut().find(|entry| entry.id == shared.id)?.front.take()
        })
        .ok()
        .flatten()
}

/// Gives it back.
pub(super) fn repay(shared: &Arc<Shared>, front: Front) {
    let mut front = Some(front);
    let _ = FRONTS.try_with(|fronts| {
        let mut fronts = fronts.try_borrow_mut().ok()?;
        let entry = fronts.entries.iter_mut().find(|entry| entry.id == shared.id)?;
        if entry.front.is_none() {
            entry.front = front.take();
        }
        Some(())
    });
    // The thread is at its end.
    give_back(&Arc::downgrade(shared), front);
}

/// Whether this thread is inside the drain of the writer.
pub(super) fn is_draining(id: u64) -> bool {
    DRAINING.get() == id
}

/// While this is there, the thread is inside the drain.
pub(super) struct Draining(u64);

impl Draining {
    pub(super) fn of(id: u64) -> Self {
        Self(DRAINING.replace(id))
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        DRAINING.set(self.0);
    }
}
