//! The end that writes.

use super::memory::{Descriptor, Memory};
use crate::sync::Ordering;
use std::slice;
use std::sync::Arc;

/// There is no room, now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The only one that writes records into its ring.
pub(crate) struct Producer {
    memory: Arc<Memory>,
    /// How many records this has committed.
    committed: u64,
    /// The position behind the last payload.
    position: u64,
    /// Copies of the consumer's words.
    released_records: u64,
    released_bytes: u64,
    /// What `reserve` has set aside: position and length.
    reserved: (u64, usize),
}

impl Producer {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        Self { memory, committed: 0, position: 0, released_records: 0, released_bytes: 0, reserved: (0, 0) }
    }

    /// The longest record that the ring takes.
    #[inline]
    pub(crate) fn longest(&self) -> usize {
        self.memory.shape().longest()
    }

    /// Whether the consumer is done with everything.
    pub(crate) fn is_drained(&self) -> bool {
        // Acquire: pairs with the release in `Consumer::release`.
        self.memory.consumer().records.load(Ordering::Acquire) == self.committed
    }

    /// Writes a record, stamped when its payload is in place.
    ///
    /// # Panics
    ///
    /// If it is longer than [`longest`](Self::longest).
    #[inline]
    pub(crate) fn push(&mut self, record: &[u8], stamp: impl FnOnce() -> u64) -> Result<(), Full> {
        self.reserve(record.len())?.copy_from_slice(record);
        self.commit(record.len(), stamp());
        Ok(())
    }

    /// Space for a record of up to so many bytes, with no particular content. Nothing has happened until it is committed.
    ///
    /// # Panics
    ///
    /// If that is longer than [`longest`](Self::longest).
    #[inline]
    pub(crate) fn reserve(&mut self, most: usize) -> Result<&mut [u8], Full> {
        let shape = self.memory.shape();
        assert!(most <= shape.longest(), "longer than the ring takes");
        let capacity = shape.capacity as usize;
        let offset = self.position as usize & (capacity - 1);
        let position = if offset + most <= capacity {
            self.position
        } else {
            self.position + (capacity - offset) as u64
        };
        if !self.has_room(position + most as u64) {
            self.look();
            if !self.has_room(position + most as u64) {
                return Err(Full);
            }
        }
        self.reserved = (position, most);
        Ok(self.reserved_bytes())
    }

    /// What was reserved.
    #[inline]
    pub(crate) fn reserved_bytes(&mut self) -> &mut [u8] {
        let (position, len) = self.reserved;
        let payload = self.memory.payload(self.offset(position));
        // SAFETY: `reserve` has found the bytes released by the consumer, and in one piece; they are initialised (zeroed
        // memory, or an earlier record), and this is the only producer, borrowed.
        unsafe { slice::from_raw_parts_mut(payload.as_ptr(), len) }
    }

    #[inline]
    fn offset(&self, position: u64) -> usize {
        position as usize & (self.memory.shape().capacity as usize - 1)
    }

    /// Whether the bytes up to `end` and one more descriptor are free, as far as this knows.
    #[inline]
    fn has_room(&self, end: u64) -> bool {
        let shape = self.memory.shape();
        end - self.released_bytes <= u64::from(shape.capacity)
            && self.committed - self.released_records < u64::from(shape.slots)
    }

    #[cold]
    fn look(&mut self) {
        let line = self.memory.consumer();
        // Acquire: what the consumer has released it does not read any more. Pairs with the release in `Consumer::release`.
        self.released_records = line.records.load(Ordering::Acquire);
        self.released_bytes = line.bytes.load(Ordering::Acquire);
    }

    /// The first `len` bytes of what was reserved are a record.
    ///
    /// # Panics
    ///
    /// If less was reserved.
    #[inline]
    pub(crate) fn commit(&mut self, len: usize, stamp: u64) {
        self.commit_as(len, false, stamp);
    }

    /// A record without payload here: it is elsewhere.
    pub(crate) fn push_mark(&mut self, stamp: impl FnOnce() -> u64) -> Result<(), Full> {
        self.reserve(0)?;
        self.commit_as(0, true, stamp());
        Ok(())
    }

    #[inline]
    fn commit_as(&mut self, len: usize, marked: bool, stamp: u64) {
        let (position, reserved) = std::mem::take(&mut self.reserved);
        assert!(len <= reserved, "more than was reserved");
        let descriptor = Descriptor::new(self.offset(position) as u32, len as u32, marked, stamp);
        self.memory.slot(self.committed).with_mut(|slot| {
            // SAFETY: `reserve` has found the slot released by the consumer, which looks at it again only after the store
            // below.
            unsafe { slot.write(descriptor) }
        });
        self.position = position + len as u64;
        self.committed += 1;
        // Release: publishes payload and descriptor; pairs with the acquire in `Consumer::committed`.
        self.memory.producer().committed.store(self.committed, Ordering::Release);
    }
}
