//! The end that writes.

use super::copy;
use super::memory::{Descriptor, Memory, ProducerLine, Slot};
use crate::os::prefetch::prefetch_to_write;
use crate::sync::Ordering;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

/// There is no room, now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The only one that writes records into its ring.
pub(crate) struct Producer {
    // Where things lie in `memory`, and the ring's sizes: copies, so that a record is written without asking for them.
    data: NonNull<u8>,
    slots: NonNull<Slot>,
    line: NonNull<ProducerLine>,
    /// The bytes that the data area has, less one, and the descriptors.
    data_mask: u32,
    slot_mask: u32,
    /// How many records this has committed.
    committed: u64,
    /// The position behind the last payload.
    position: u64,
    /// Up to where there is room, as far as this knows: as many records and bytes as the consumer has released, and the whole ring.
    records_end: u64,
    bytes_end: u64,
    /// Up to where there is room in one piece behind `position`, at the least: not beyond the end of the data area.
    easy_end: u64,
    /// What `reserve` has set aside: position and length.
    reserved: (u64, usize),
    memory: Arc<Memory>,
}

// SAFETY: the pointers lead into `memory`, which is `Send` and `Sync`, and which this keeps.
unsafe impl Send for Producer {}

impl Producer {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        let shape = memory.shape();
        Self {
            data: memory.payload(0),
            slots: memory.slots(),
            line: NonNull::from(memory.producer()),
            data_mask: shape.capacity - 1,
            slot_mask: shape.slots - 1,
            committed: 0,
            position: 0,
            records_end: u64::from(shape.slots),
            bytes_end: u64::from(shape.capacity),
            easy_end: u64::from(shape.capacity),
            reserved: (0, 0),
            memory,
        }
    }

    /// The longest record that the ring takes: see `README.md`.
    pub(crate) fn longest(&self) -> usize {
        (self.data_mask as usize).div_ceil(2)
    }

    /// Whether the consumer is done with everything.
    pub(crate) fn is_drained(&self) -> bool {
        // Acquire: pairs with the release in `Consumer::release`.
        self.memory.consumer().records.load(Ordering::Acquire) == self.committed
    }

    /// Writes a record of a usual length if there is known to be room, with one comparison for each limit, and without a call. False if that is not so:
    /// see [`push_if_easy`](Self::push_if_easy) and [`push`](Self::push).
    #[inline(always)]
    pub(crate) fn push_at_once(&mut self, record: &[u8], stamp: u64) -> bool {
        let is_easy = self.is_easy(record) && record.len() <= copy::USUAL;
        if is_easy {
            self.write(self.position, record, stamp, copy::usual);
        }
        is_easy
    }

    /// The same for a record of any length.
    #[inline(always)]
    pub(crate) fn push_if_easy(&mut self, record: &[u8], stamp: u64) -> bool {
        let is_easy = self.is_easy(record);
        if is_easy {
            self.write(self.position, record, stamp, <[u8]>::copy_from_slice);
        }
        is_easy
    }

    /// Whether there is known to be room.
    #[inline(always)]
    fn is_easy(&self, record: &[u8]) -> bool {
        self.position + record.len() as u64 <= self.easy_end && self.committed < self.records_end
    }

    /// Writes a record.
    ///
    /// # Panics
    ///
    /// If it is longer than [`longest`](Self::longest).
    pub(crate) fn push(&mut self, record: &[u8], stamp: u64) -> Result<(), Full> {
        let position = self.find_room(record.len())?;
        self.easy_end = self.bytes_end.min((position | u64::from(self.data_mask)) + 1);
        self.write(position, record, stamp, <[u8]>::copy_from_slice);
        Ok(())
    }

    /// There is room for it there.
    #[inline(always)]
    fn write(&mut self, position: u64, record: &[u8], stamp: u64, copy: impl FnOnce(&mut [u8], &[u8])) {
        // Before the payload, as what was read of this would have to be read again behind the copy.
        let described = self.describe(position, record.len(), false, stamp);
        copy(self.payload(position, record.len()), record);
        described.commit();
    }

    /// Space for a record of up to so many bytes, with no particular content. Nothing has happened until it is committed.
    ///
    /// # Panics
    ///
    /// If that is longer than [`longest`](Self::longest).
    pub(crate) fn reserve(&mut self, most: usize) -> Result<&mut [u8], Full> {
        let position = self.find_room(most)?;
        self.reserved = (position, most);
        Ok(self.reserved_bytes())
    }

    /// What was reserved.
    pub(crate) fn reserved_bytes(&mut self) -> &mut [u8] {
        let (position, len) = self.reserved;
        self.payload(position, len)
    }

    /// The first `len` bytes of what was reserved are a record.
    ///
    /// # Panics
    ///
    /// If less was reserved.
    pub(crate) fn commit(&mut self, len: usize, stamp: u64) {
        let (position, reserved) = std::mem::take(&mut self.reserved);
        assert!(len <= reserved, "more than was reserved");
        self.publish(position, len, false, stamp);
    }

    /// Whether there is room for a record without payload. It stays until the next record.
    pub(crate) fn has_slot(&mut self) -> bool {
        self.find_room(0).is_ok()
    }

    /// A record without payload here: it is elsewhere.
    pub(crate) fn push_mark(&mut self, stamp: u64) -> Result<(), Full> {
        let position = self.find_room(0)?;
        self.publish(position, 0, true, stamp);
        Ok(())
    }

    /// Where so many bytes have room in one piece, and a descriptor has: a position.
    fn find_room(&mut self, len: usize) -> Result<u64, Full> {
        assert!(len <= self.longest(), "longer than the ring takes");
        let to_end = u64::from(self.data_mask) + 1 - u64::from(self.offset(self.position));
        let skipped = if len as u64 <= to_end { 0 } else { to_end };
        let position = self.position + skipped;
        if self.has_room(position + len as u64) || self.has_room_after_all(position + len as u64) {
            Ok(position)
        } else {
            Err(Full)
        }
    }

    #[inline(always)]
    fn offset(&self, position: u64) -> u32 {
        position as u32 & self.data_mask
    }

    /// Whether the bytes up to `end` and one more descriptor are free, as far as this knows.
    fn has_room(&self, end: u64) -> bool {
        end <= self.bytes_end && self.committed < self.records_end
    }

    /// The same, after a look at what the consumer has released.
    #[cold]
    fn has_room_after_all(&mut self, end: u64) -> bool {
        let line = self.memory.consumer();
        // Acquire: what the consumer has released it does not read any more. Pairs with the release in `Consumer::release`.
        self.records_end = line.records.load(Ordering::Acquire) + u64::from(self.slot_mask) + 1;
        self.bytes_end = line.bytes.load(Ordering::Acquire) + u64::from(self.data_mask) + 1;
        self.has_room(end)
    }

    /// The bytes there: what `find_room` has found, or a part of it; or free ones below `easy_end`.
    #[inline(always)]
    fn payload(&mut self, position: u64, len: usize) -> &mut [u8] {
        #[cfg(aside_loom)]
        self.memory.write(self.offset(position) as usize, len);
        // SAFETY: the caller has found the bytes released by the consumer, and in one piece, so the pointer stays in the data area;
        // they are initialised (zeroed memory, or an earlier record), and this is the only producer, borrowed.
        unsafe { slice::from_raw_parts_mut(self.data.add(self.offset(position) as usize).as_ptr(), len) }
    }

    /// The payload is in place, where `find_room` said: the record is there.
    #[inline(always)]
    fn publish(&mut self, position: u64, len: usize, marked: bool, stamp: u64) {
        self.describe(position, len, marked, stamp).commit();
    }

    /// All of a record but its payload, where `find_room` said. The record is there once this is committed.
    #[inline(always)]
    fn describe(&mut self, position: u64, len: usize, marked: bool, stamp: u64) -> Described {
        let descriptor = Descriptor::new(self.offset(position), len as u32, marked, stamp);
        let index = self.committed as u32 & self.slot_mask;
        // SAFETY: the index is below the number of slots, each of which is initialised; `memory` keeps them.
        let slot = unsafe { self.slots.add(index as usize).as_ref() };
        slot.with_mut(|slot| {
            // SAFETY: `find_room` has found the slot released by the consumer, which looks at it again only after the store
            // in `commit`.
            unsafe { slot.write(descriptor) }
        });
        self.position = position + len as u64;
        self.committed += 1;
        self.prefetch_next();
        Described { line: self.line, committed: self.committed }
    }

    /// Asks for what the next records will be written to: the consumer has it, or a page table must be walked, and that takes longer than all else.
    #[inline(always)]
    fn prefetch_next(&self) {
        for ahead in [64, 128] {
            prefetch_to_write(self.data.as_ptr().wrapping_add(self.offset(self.position + ahead) as usize));
        }
        let soon = (self.committed as u32).wrapping_add(4) & self.slot_mask;
        prefetch_to_write(self.slots.as_ptr().wrapping_add(soon as usize));
    }
}

/// A record that is there but for its payload. Used up before its producer is.
struct Described {
    line: NonNull<ProducerLine>,
    committed: u64,
}

impl Described {
    /// The payload is in place.
    #[inline(always)]
    fn commit(self) {
        // SAFETY: the producer's `memory` keeps the line, which is an atomic.
        let line = unsafe { self.line.as_ref() };
        // Release: publishes payload and descriptor; pairs with the acquire in `Consumer::committed`.
        line.committed.store(self.committed, Ordering::Release);
    }
}
