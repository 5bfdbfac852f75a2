//! The end that reads.

use super::memory::{Descriptor, Memory};
use crate::sync::Ordering;
use std::slice;
use std::sync::Arc;

/// The part of a ring that is worth waking a thread for: one so many-th.
const SHARE: u32 = 4;

/// The only one that reads records of its ring.
pub(crate) struct Consumer {
    memory: Arc<Memory>,
    /// How many records this is done with.
    released: u64,
    /// The position behind the last of them.
    position: u64,
    /// How far `settle` came.
    settled: Reach,
}

/// How far something goes: up to the record of this number, at this position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    record: u64,
    position: u64,
}

/// Records in a row, from the oldest on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) records: u64,
    /// Their payloads, one behind the other. The second slice is empty unless they pass the end of the ring.
    pub(crate) bytes: [&'a [u8]; 2],
    /// For [`Consumer::advance`].
    pub(crate) reach: Reach,
}

impl Run<'_> {
    pub(crate) fn len(&self) -> usize {
        self.bytes[0].len() + self.bytes[1].len()
    }
}

impl Consumer {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        Self { memory, released: 0, position: 0, settled: Reach { record: 0, position: 0 } }
    }

    /// How many records there have ever been. Those before that may be looked at.
    #[inline]
    pub(crate) fn committed(&self) -> u64 {
        // Acquire: descriptors and payloads are in place; pairs with the release in `Producer::publish`.
        self.memory.producer().committed.load(Ordering::Acquire)
    }

    /// The number of the oldest record that this is not done with.
    #[inline]
    pub(crate) fn released(&self) -> u64 {
        self.released
    }

    /// When the record of this number was committed. It must be there.
    #[inline]
    pub(crate) fn stamp(&self, record: u64) -> u64 {
        self.descriptor(record).stamp
    }

    /// How long the record of this number is. It must be there.
    pub(crate) fn len_of(&self, record: u64) -> usize {
        self.descriptor(record).len() as usize
    }

    /// Whether the payload of the record of this number is elsewhere. It must be there.
    pub(crate) fn is_marked(&self, record: u64) -> bool {
        self.descriptor(record).is_marked()
    }

    #[inline]
    fn descriptor(&self, record: u64) -> Descriptor {
        debug_assert!(record >= self.released);
        self.memory.slot(record).with(|slot| {
            // SAFETY: the caller has seen `committed` above this number, and it is not released: the producer does not
            // touch the slot.
            unsafe { *slot }
        })
    }

    /// Where a payload lies: its position.
    #[inline]
    fn begin(&self, before: u64, descriptor: Descriptor) -> u64 {
        let mask = self.memory.shape().capacity - 1;
        before + u64::from(descriptor.offset().wrapping_sub(before as u32) & mask)
    }

    /// The records from the oldest on: below number `end`, stamped `latest` or before, of `most_bytes` together (but the first one in
    /// any case), and before any mark. `end` must not be above what [`committed`](Self::committed) said.
    #[inline]
    pub(crate) fn run(&self, end: u64, latest: u64, most_bytes: usize) -> Run<'_> {
        let mut slices = [(0_usize, 0_usize); 2];
        let mut part = 0;
        let mut number = self.released;
        let mut total = 0;
        let mut position = self.position;
        while number < end {
            let descriptor = self.descriptor(number);
            if descriptor.stamp > latest || descriptor.is_marked() {
                break;
            }
            let (offset, len) = (descriptor.offset() as usize, descriptor.len() as usize);
            if total + len > most_bytes && number > self.released {
                break;
            }
            let begin = self.begin(position, descriptor);
            if number == self.released {
                slices[0] = (offset, 0);
            } else if begin != position {
                // Only at the end of the data does a payload not begin where the one before ended. Twice in a row that cannot be: the
                // ring holds one lap.
                if slices[part].1 > 0 {
                    part += 1;
                }
                slices[part.min(1)] = (offset, 0);
            } else if slices[part].0 + slices[part].1 == self.memory.shape().capacity as usize && len > 0 {
                // Ended exactly at the end of the data.
                part += 1;
                slices[part.min(1)] = (offset, 0);
            }
            if part > 1 {
                break;
            }
            slices[part].1 += len;
            position = begin + len as u64;
            total += len;
            number += 1;
        }
        let bytes = slices.map(|(offset, len)| {
            #[cfg(aside_loom)]
            self.memory.read(offset, len);
            let payload = self.memory.payload(offset);
            // SAFETY: committed and not released: the producer does not write there as long as `self` is borrowed, as to
            // release takes it mutably. In one piece, and initialised.
            unsafe { slice::from_raw_parts(payload.as_ptr(), len) }
        });
        Run { records: number - self.released, bytes, reach: Reach { record: number, position } }
    }

    /// Gives the space of the oldest so many records back. They must be there.
    #[inline]
    pub(crate) fn release(&mut self, records: u64) {
        if records == 0 {
            return;
        }
        let end = self.released + records;
        for number in self.released..end {
            let descriptor = self.descriptor(number);
            self.position = self.begin(self.position, descriptor) + u64::from(descriptor.len());
        }
        self.released = end;
        self.publish();
    }

    /// Goes on behind a run, which must be the last one that was asked for. Its space is given back by the next [`publish`](Self::publish).
    #[inline]
    pub(crate) fn advance(&mut self, reach: Reach) {
        debug_assert!(reach.record >= self.released && reach.position >= self.position);
        (self.released, self.position) = (reach.record, reach.position);
    }

    /// Gives the space of all back that this is done with.
    #[inline]
    pub(crate) fn publish(&self) {
        let line = self.memory.consumer();
        // Release, both: nothing in the space is looked at any more; pairs with the acquire in `Producer::has_room_after_all`.
        line.bytes.store(self.position, Ordering::Release);
        line.records.store(self.released, Ordering::Release);
    }

    /// How many records this is done with since it was settled.
    #[inline]
    pub(crate) fn unsettled(&self) -> u64 {
        self.released - self.settled.record
    }

    /// Whether this is done with a good part of the ring since it was settled.
    #[inline]
    pub(crate) fn has_share(&self) -> bool {
        let shape = self.memory.shape();
        self.position - self.settled.position >= u64::from(shape.capacity / SHARE)
            || self.unsettled() >= u64::from((shape.slots / SHARE).max(1))
    }

    /// Publishes. Who waits for room is to be told afterwards.
    pub(crate) fn settle(&mut self) {
        self.publish();
        self.settled = Reach { record: self.released, position: self.position };
    }
}
