//! Where everything lies in a ring's memory.

use crate::os::region::Region;
use crate::sync::{AtomicU64, UnsafeCell};
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;

/// Payload bytes for each descriptor: shorter records fill the descriptors first.
const BYTES_PER_SLOT: u32 = 64;
const LEAST_CAPACITY: u32 = if cfg!(aside_loom) { 8 } else { 1024 };
const LEAST_SLOTS: u32 = 2;
/// Offsets and lengths are of 32 bits, and one of them is the mark.
const MOST_CAPACITY: u32 = 1 << 30;

/// Where a ring may begin.
pub(super) const ALIGN: usize = align_of::<Header>();

/// In `length`: the payload is elsewhere.
const MARK: u32 = 1 << 31;

/// One record.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Descriptor {
    offset: u32,
    length: u32,
    pub(super) stamp: u64,
}

impl Descriptor {
    pub(super) fn new(offset: u32, length: u32, marked: bool, stamp: u64) -> Self {
        Self { offset, length: if marked { length | MARK } else { length }, stamp }
    }

    pub(super) fn offset(self) -> u32 {
        self.offset
    }

    pub(super) fn len(self) -> u32 {
        self.length & !MARK
    }

    pub(super) fn is_marked(self) -> bool {
        self.length & MARK != 0
    }
}

/// The sizes of a ring.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) capacity: u32,
    pub(super) slots: u32,
    slots_at: u32,
    data_at: u32,
}

impl Shape {
    pub(super) fn of(capacity: usize) -> Self {
        let wanted = u32::try_from(capacity).unwrap_or(MOST_CAPACITY);
        let capacity = wanted.clamp(LEAST_CAPACITY, MOST_CAPACITY).next_power_of_two();
        let slots = (capacity / BYTES_PER_SLOT).max(LEAST_SLOTS);
        let slots_at = size_of::<Header>() as u32;
        let data_at = slots_at + slots * size_of::<Slot>() as u32;
        Self { capacity, slots, slots_at, data_at }
    }

    pub(super) fn bytes(self) -> usize {
        self.data_at as usize + self.capacity as usize
    }

    fn layout(self) -> Layout {
        match Layout::from_size_align(self.bytes(), ALIGN) {
            Ok(layout) => layout,
            Err(_) => unreachable!("the sizes are bounded by `of`"),
        }
    }
}

/// The word that the producer writes.
#[repr(C, align(128))]
pub(super) struct ProducerLine {
    pub(super) committed: AtomicU64,
}

/// The words that the consumer writes.
#[repr(C, align(128))]
pub(super) struct ConsumerLine {
    pub(super) records: AtomicU64,
    pub(super) bytes: AtomicU64,
}

#[repr(C, align(128))]
struct Header {
    shape: Shape,
    producer: ProducerLine,
    consumer: ConsumerLine,
}

pub(super) type Slot = UnsafeCell<Descriptor>;

#[cfg(not(aside_loom))]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<Descriptor>() == 16 && size_of::<Slot>() == 16);
    assert!(offset_of!(Descriptor, offset) == 0);
    assert!(offset_of!(Descriptor, length) == 4);
    assert!(offset_of!(Descriptor, stamp) == 8);
    assert!(offset_of!(Header, producer) == 128);
    assert!(offset_of!(Header, consumer) == 256);
    assert!(offset_of!(ConsumerLine, bytes) == 8);
    assert!(size_of::<Header>() == 384);
};

/// A ring's memory: a part of a region, or all of one.
pub(super) struct Memory {
    base: NonNull<Header>,
    shape: Shape,
    /// Goes with the last ring in it.
    _region: Arc<Region>,
    /// For each byte of payload: loom sees what is done to these.
    #[cfg(aside_loom)]
    watched: Vec<UnsafeCell<()>>,
}

// SAFETY: the memory is reached by the two ends only, each of which keeps to its side of the protocol in `README.md`.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// In a region of its own; `None` if there is no memory.
    pub(super) fn new(shape: Shape) -> Option<Self> {
        let region = Region::new(shape.layout())?;
        // SAFETY: fresh, zeroed, of this size and alignment, and nobody else's.
        Some(unsafe { Self::new_at(Arc::new(region), 0, shape) })
    }

    /// In a part of a region, from `offset` on.
    ///
    /// # Safety
    ///
    /// The part lies in the region, is aligned as [`ALIGN`] says, holds zeroes, and is nobody else's as long as the region is there.
    pub(super) unsafe fn new_at(region: Arc<Region>, offset: usize, shape: Shape) -> Self {
        // SAFETY: within the region, as the caller promises.
        let base = unsafe { region.base().add(offset) }.cast::<Header>();
        let memory = Self {
            base,
            shape,
            _region: region,
            #[cfg(aside_loom)]
            watched: (0..shape.capacity).map(|_| UnsafeCell::new(())).collect(),
        };
        let header = Header {
            shape,
            producer: ProducerLine { committed: AtomicU64::new(0) },
            consumer: ConsumerLine { records: AtomicU64::new(0), bytes: AtomicU64::new(0) },
        };
        // SAFETY: fresh memory, of the header's alignment, as the caller promises.
        unsafe { base.write(header) };
        // Zeroes are empty descriptors, and so pages that no record has come to are not touched. Loom's cells are made one by one.
        #[cfg(aside_loom)]
        for index in 0..shape.slots {
            // SAFETY: fresh memory; the slots lie behind the header.
            unsafe {
                memory.slot_ptr(u64::from(index)).write(UnsafeCell::new(Descriptor::new(0, 0, false, 0)))
            };
        }
        memory
    }

    #[inline(always)]
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    #[inline(always)]
    pub(super) fn producer(&self) -> &ProducerLine {
        // SAFETY: the header lives as long as this, and is made of atomics and of what never changes.
        &unsafe { self.base.as_ref() }.producer
    }

    #[inline(always)]
    pub(super) fn consumer(&self) -> &ConsumerLine {
        // SAFETY: as in `producer`.
        &unsafe { self.base.as_ref() }.consumer
    }

    #[inline(always)]
    fn slot_ptr(&self, record: u64) -> NonNull<Slot> {
        let index = record as u32 & (self.shape.slots - 1);
        // SAFETY: the index is below the number of slots, which lie at `slots_at`; all of it is in the ring's part of the region.
        unsafe { self.base.cast::<u8>().add(self.shape.slots_at as usize).cast::<Slot>().add(index as usize) }
    }

    /// The descriptor of a record.
    #[inline(always)]
    pub(super) fn slot(&self, record: u64) -> &Slot {
        // SAFETY: every slot is initialised, and lives as long as this.
        unsafe { self.slot_ptr(record).as_ref() }
    }

    /// The first of the descriptors.
    pub(super) fn slots(&self) -> NonNull<Slot> {
        self.slot_ptr(0)
    }

    /// The payload that begins there. The caller keeps to `offset + length <= capacity`, and to its side of the protocol.
    #[inline(always)]
    pub(super) fn payload(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset <= self.shape.capacity as usize);
        // SAFETY: the data area lies at `data_at`, all of it in the ring's part of the region.
        unsafe { self.base.cast::<u8>().add(self.shape.data_at as usize + offset) }
    }
}

#[cfg(aside_loom)]
impl Memory {
    /// Tells loom that so much payload is read there.
    pub(super) fn read(&self, offset: usize, len: usize) {
        self.watched[offset..][..len].iter().for_each(|byte| byte.with(|_| ()));
    }

    /// Tells loom that so much payload is written there.
    pub(super) fn write(&self, offset: usize, len: usize) {
        self.watched[offset..][..len].iter().for_each(|byte| byte.with_mut(|_| ()));
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        #[cfg(aside_loom)]
        for index in 0..self.shape.slots {
            // SAFETY: made by `new_at`, and dropped here only.
            unsafe { self.slot_ptr(u64::from(index)).drop_in_place() };
        }
        // SAFETY: made by `new_at`; nobody has a reference any more. The region is still there.
        unsafe { self.base.drop_in_place() };
    }
}
