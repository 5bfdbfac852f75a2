//! The logging threads' ends of the rings: one for each thread and writer, in a thread-local.

use super::drops::Drops;
use super::room::NoRoom;
use super::shared::Shared;
use super::tail::{Source, Tail};
use crate::panic::contain;
use crate::ring::{self, Consumer, Full, Producer, Slab};
use crate::sync::{Mutex, lock};
use std::cell::{Cell, RefCell};
use std::collections::LinkedList;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Weak};

/// The longest record, in bytes: 16 MiB. As many bytes of records that are too long for a ring may wait beside it.
pub(super) const LONGEST: usize = 16 << 20;

/// A longer one is no more than a mark in the guests' ring: those who log little there fill the room that a write makes at once, and one that needs much in one piece
/// would wait for as long as they log. Nor do they wait while it is copied.
const LONGEST_OF_GUESTS: usize = 16 * 1024;

/// A list, so that one joins others without an allocation: the allocator may log.
pub(super) type Records = LinkedList<Box<[u8]>>;

/// Records too long for the ring, which holds a mark for each of them.
#[derive(Default)]
pub(super) struct Long {
    waiting: Mutex<(usize, Records)>,
}

impl Long {
    /// Whether there is room for so many bytes. It stays, but for who pushes.
    fn has_room(&self, len: usize) -> bool {
        let waiting = lock(&self.waiting);
        waiting.0 == 0 || waiting.0 + len <= LONGEST
    }

    /// However many wait.
    pub(super) fn push(&self, record: Box<[u8]>) {
        self.append(record.len(), Records::from([record]));
    }

    /// A record of this length, alone in a list.
    fn append(&self, len: usize, mut record: Records) {
        let mut waiting = lock(&self.waiting);
        waiting.0 += len;
        waiting.1.append(&mut record);
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
}

/// The reading end, the drain's.
pub(super) struct Back {
    pub(super) number: u64,
    pub(super) consumer: Consumer,
    pub(super) long: Arc<Long>,
    /// Where records are copied from; `None` if they are written from where the logging thread has put them.
    pub(super) source: Option<Source>,
}

/// `drops` counts what is discarded, if records may be. Where the slab has no room the ring has memory of its own. `None` if there is none.
pub(super) fn new_ring(
    number: u64,
    capacity: usize,
    drops: Option<&Arc<Drops>>,
    mut slab: Option<&mut Slab>,
) -> Option<(Front, Back)> {
    let mut new = |capacity| {
        let cut = slab.as_mut().and_then(|slab| slab.cut(capacity));
        cut.or_else(|| ring::new(capacity))
    };
    let (producer, consumer) = new(capacity)?;
    let long = Arc::new(Long::default());
    let Some(drops) = drops else {
        let front = Front { number, producer, long: long.clone(), tail: None };
        return Some((front, Back { number, consumer, long, source: None }));
    };
    let tail = Arc::new(Tail::new(consumer, long.clone(), drops.clone(), capacity));
    let (side, consumer) = new(side_of(capacity))?;
    let side_long = Arc::new(Long::default());
    let source = Some(Source::new(tail.clone(), side, side_long.clone()));
    let front = Front { number, producer, long, tail: Some(tail) };
    Some((front, Back { number, consumer, long: side_long, source }))
}

/// How large a ring's side is: of what the ring has, which may be more than was asked for.
fn side_of(capacity: usize) -> usize {
    2 * ring::capacity(capacity)
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
    /// The stamp is not below the ring's last one.
    pub(super) fn push(&mut self, record: &[u8], stamp: u64) -> Result<(), Full> {
        if !self.is_long(record) {
            self.producer.push(record, stamp)
        } else if self.has_room_for_long(record) {
            self.push_long(record.len(), copy_of(record), stamp)
        } else {
            Err(Full)
        }
    }

    /// Whether the ring holds no more than a mark for it.
    fn is_long(&self, record: &[u8]) -> bool {
        let longest = self.producer.longest();
        let is_guests = self.number == 0;
        record.len() > if is_guests { longest.min(LONGEST_OF_GUESTS) } else { longest }
    }

    /// To be asked before it is copied. The room stays, but for who pushes. (What is longer than the longest there is never room for; the caller tells why.)
    fn has_room_for_long(&mut self, record: &[u8]) -> bool {
        record.len() <= LONGEST && self.long.has_room(record.len()) && self.producer.has_slot()
    }

    /// Makes room by discarding some of the oldest records, if they may be.
    #[cold]
    pub(super) fn discard(&mut self) {
        if let Some(tail) = &self.tail {
            tail.discard();
        }
    }

    /// One of this length that there is room for.
    fn push_long(&mut self, len: usize, copy: Records, stamp: u64) -> Result<(), Full> {
        // Before the mark, which says that it is there.
        self.long.append(len, copy);
        self.producer.push_mark(stamp)
    }
}

fn copy_of(record: &[u8]) -> Records {
    Records::from([record.into()])
}

thread_local! {
    /// Without a destructor, so that it is looked at without a question whether it is there still.
    static FRONTS: RefCell<ManuallyDrop<Fronts>> = const { RefCell::new(ManuallyDrop::new(Fronts::NONE)) };
    /// Its destructor, to be there before anything is put into `FRONTS`.
    static LEAVING: Leaving = const { Leaving };
    /// The writers that this thread is draining, one inside the other, by number, the inmost first; 0 for none. Without a destructor, so that
    /// it can be asked at any time.
    static DRAINING: Cell<[u64; DEEPEST]> = const { Cell::new([0; DEEPEST]) };
}

/// So many writers may be drained one inside another, by a sink that logs to the next one.
const DEEPEST: usize = 4;

struct Fronts {
    /// Of the writer that this thread has logged to last. Not an `Option`: one comparison less for each record.
    latest: Entry,
    others: Vec<Entry>,
}

struct Entry {
    /// The writer's number; 0 of none.
    id: u64,
    shared: Weak<Shared>,
    /// `None` while a grant has it.
    front: Option<Front>,
}

impl Entry {
    const NONE: Self = Self { id: 0, shared: Weak::new(), front: None };
}

struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        // Nothing is put there any more: see `find`.
        let left = with_fronts(|fronts| Some(std::mem::replace(fronts, Fronts::NONE)));
        // In use: the thread ends the process amid a record (in its allocator, say), and does not come back to it.
        let Some(Fronts { latest, others }) = left else { return };
        for entry in std::iter::once(latest).chain(others) {
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
    const NONE: Self = Self { latest: Entry::NONE, others: Vec::new() };

    /// This thread's ring for the writer; `None` if there is none to be had now.
    fn of(&mut self, shared: &Arc<Shared>) -> Option<&mut Front> {
        if self.latest.id != shared.id {
            self.find(shared);
        }
        self.latest_of(shared)
    }

    /// The same, if it is the writer that this thread has logged to last.
    #[inline(always)]
    fn latest_of(&mut self, shared: &Shared) -> Option<&mut Front> {
        if self.latest.id == shared.id { self.latest.front.as_mut() } else { None }
    }

    /// Makes the writer's entry the latest; unless the thread's locals are gone.
    fn find(&mut self, shared: &Arc<Shared>) {
        if LEAVING.try_with(|_| ()).is_err() {
            return;
        }
        let before = std::mem::replace(&mut self.latest, Entry::NONE);
        if before.id != 0 {
            self.others.push(before);
        }
        if let Some(index) = self.others.iter().position(|entry| entry.id == shared.id) {
            self.latest = self.others.swap_remove(index);
            return;
        }
        if is_swept_at(self.others.len()) {
            self.others.retain(|entry| entry.shared.strong_count() > 0);
        }
        let front = shared.take_front();
        if front.is_none() {
            // For good: else the thread's records in the common ring and in its own would have no order.
            shared.count_guest();
        }
        self.latest = Entry { id: shared.id, shared: Arc::downgrade(shared), front };
    }

    /// Where the writer's ring is, or would be.
    fn place_of(&mut self, shared: &Shared) -> Option<&mut Option<Front>> {
        let mut entries = std::iter::once(&mut self.latest).chain(&mut self.others);
        entries.find(|entry| entry.id == shared.id).map(|entry| &mut entry.front)
    }
}

/// Whether a list of writers that grew to this length is to be looked through for those that are gone: not each time, where there are many.
pub(super) fn is_swept_at(len: usize) -> bool {
    len < 64 || len.is_power_of_two()
}

/// This thread's fronts. `None` if they are borrowed: this thread is about to get a ring, and logs meanwhile (from its allocator, say).
#[inline(always)]
fn with_fronts<R>(ask: impl FnOnce(&mut Fronts) -> Option<R>) -> Option<R> {
    let asked = FRONTS.try_with(|fronts| {
        let mut fronts = fronts.try_borrow_mut().ok()?;
        ask(&mut fronts)
    });
    asked.ok().flatten()
}

/// What comes of a push into this thread's ring; false if there is none yet, or none any more.
#[inline(always)]
pub(super) fn push_by(shared: &Shared, push: impl FnOnce(&mut Producer) -> bool) -> bool {
    with_fronts(|fronts| fronts.latest_of(shared).map(|front| push(&mut front.producer))).unwrap_or(false)
}

/// Writes a record into this thread's ring, or else the common one; perhaps after some of the oldest records there were discarded. Others may fill that while a long record is copied:
/// so the copy is kept for the next attempt, which has no need to leave the room that it finds.
pub(super) fn attempt(
    shared: &Arc<Shared>,
    record: &[u8],
    copy: &mut Option<Records>,
    discards: bool,
) -> Result<(), NoRoom> {
    let write = |front: &mut Front| {
        if discards {
            front.discard();
        }
        // Not before the ring is there, which may be the one that makes stamps needed.
        front.push(record, shared.clock.now()).map_err(|Full| NoRoom { ring: front.number })
    };
    with_fronts(|fronts| fronts.of(shared).map(write)).unwrap_or_else(|| {
        shared.clock.need();
        attempt_as_guest(shared, record, copy, discards)
    })
}

/// By the common ring.
fn attempt_as_guest(
    shared: &Shared,
    record: &[u8],
    copy: &mut Option<Records>,
    discards: bool,
) -> Result<(), NoRoom> {
    let mut guest = lock(&shared.guest);
    let no_room = NoRoom { ring: guest.number };
    if discards {
        guest.discard();
    }
    if !guest.is_long(record) {
        // Stamped under the lock, as many threads write there.
        return guest.push(record, shared.clock.now()).map_err(|Full| no_room);
    }
    if copy.is_none() {
        if !guest.has_room_for_long(record) {
            return Err(no_room);
        }
        // Copied without the lock: the allocator may log, and by this ring, too.
        drop(guest);
        *copy = Some(copy_of(record));
        guest = lock(&shared.guest);
    }
    match copy.take_if(|_| guest.has_room_for_long(record)) {
        Some(copy) => guest.push_long(record.len(), copy, shared.clock.now()).map_err(|Full| no_room),
        None => Err(no_room),
    }
}

/// Takes this thread's ring on loan.
pub(super) fn lend(shared: &Arc<Shared>) -> Option<Front> {
    with_fronts(|fronts| {
        fronts.of(shared)?;
        fronts.place_of(shared)?.take()
    })
}

/// Gives it back.
pub(super) fn repay(shared: &Arc<Shared>, front: Front) {
    let mut front = Some(front);
    with_fronts(|fronts| {
        let place = fronts.place_of(shared)?;
        if place.is_none() {
            *place = front.take();
        }
        Some(())
    });
    // The thread is at its end.
    give_back(&Arc::downgrade(shared), front);
}

/// Whether this thread is inside the drain of the writer.
pub(super) fn is_draining(id: u64) -> bool {
    DRAINING.get().contains(&id)
}

/// Whether no further writer may be drained inside those that this thread is draining.
pub(super) fn is_deep() -> bool {
    DRAINING.get()[DEEPEST - 1] != 0
}

/// While this is there, the thread is inside the drain.
pub(super) struct Draining([u64; DEEPEST]);

impl Draining {
    pub(super) fn of(id: u64) -> Self {
        let before = DRAINING.get();
        let mut now = before;
        now.rotate_right(1);
        now[0] = id;
        DRAINING.set(now);
        Self(before)
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        DRAINING.set(self.0);
    }
}
