//! Wakers that carry a number, and of which a new one costs neither an allocation nor, as a rule, an atomic operation: 64
//! share one allocation, and whoever makes them keeps a stock of references to it.

use crate::sync::{AtomicU32, AtomicUsize, Ordering, fence};
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// How many slots are allocated at a time; and how many references are taken at a time.
const CHUNK: usize = 64;

/// What a waker with a number does.
pub(crate) trait Post: Send + Sync + 'static {
    /// A waker of this slot was called.
    fn post(&self, slot: &Slot);
}

/// A number, and a word for whoever the wakers belong to. Slots with numbers that follow each other stand side by side, eight to
/// a cache line.
pub(crate) struct Slot {
    pub(crate) next: AtomicU32,
    key: u32,
}

/// The slots from number 0 on, and their wakers. The wakers keep what they need alive by themselves.
pub(crate) struct Slots<P: Post> {
    post: Arc<P>,
    /// Kept, as the constant may have several addresses.
    vtable: &'static RawWakerVTable,
    chunks: Vec<Stock<P>>,
}

/// A chunk, and references to it for wakers to come. Holds one more of its own.
struct Stock<P> {
    chunk: NonNull<Chunk<P>>,
    references: usize,
}

struct Chunk<P> {
    /// How many references there are. Whoever gives back the last one frees the chunk.
    references: AtomicUsize,
    post: Arc<P>,
    slots: [Slot; CHUNK],
}

impl Slot {
    pub(crate) fn key(&self) -> u32 {
        self.key
    }
}

impl<P: Post> Slots<P> {
    pub(crate) fn new(post: Arc<P>) -> Self {
        Self { post, vtable: Chunk::<P>::VTABLE, chunks: Vec::new() }
    }

    /// Makes the slots up to this number, with `next` at 0.
    pub(crate) fn grow_to(&mut self, key: u32) {
        while self.chunks.len() <= key as usize / CHUNK {
            let first = self.chunks.len() * CHUNK;
            let slots = std::array::from_fn(|n| Slot { next: AtomicU32::new(0), key: (first + n) as u32 });
            let chunk = Chunk { references: AtomicUsize::new(1 + CHUNK), post: self.post.clone(), slots };
            self.chunks.push(Stock { chunk: NonNull::from(Box::leak(Box::new(chunk))), references: CHUNK });
        }
    }

    /// # Panics
    ///
    /// If there is no such slot.
    #[inline]
    pub(crate) fn get(&self, key: u32) -> &Slot {
        // SAFETY: the stock's own reference keeps the chunk alive, which is only ever shared.
        &unsafe { self.chunks[key as usize / CHUNK].chunk.as_ref() }.slots[key as usize % CHUNK]
    }

    /// A waker of the slot.
    ///
    /// # Panics
    ///
    /// If there is no such slot.
    #[inline]
    pub(crate) fn waker(&mut self, key: u32) -> Waker {
        let stock = &mut self.chunks[key as usize / CHUNK];
        if stock.references == 0 {
            // SAFETY: the stock's own reference keeps the chunk alive.
            unsafe { stock.chunk.as_ref() }.retain(CHUNK);
            stock.references = CHUNK;
        }
        stock.references -= 1;
        let slot = place(stock.chunk, key);
        // SAFETY: the functions below keep to the contract of a waker: the data stands for one reference to the chunk, which is
        // `Send` and `Sync`, as its slots and `P` are.
        unsafe { Waker::new(slot.cast(), self.vtable) }
    }

    /// Takes back a waker that was not called, or has been by reference, without an atomic operation. One of another slot or of somebody
    /// else is returned.
    ///
    /// # Panics
    ///
    /// If there is no such slot.
    #[inline]
    pub(crate) fn take_back(&mut self, key: u32, waker: Waker) -> Option<Waker> {
        let stock = &mut self.chunks[key as usize / CHUNK];
        if waker.data() != place(stock.chunk, key).cast() || !std::ptr::eq(waker.vtable(), self.vtable) {
            return Some(waker);
        }
        // With its functions and its data it is ours. Its reference goes into the stock.
        std::mem::forget(waker);
        stock.references += 1;
        None
    }
}

/// Where the slot is, reached by the pointer to the whole chunk, so that the way back is open.
#[inline]
fn place<P>(chunk: NonNull<Chunk<P>>, key: u32) -> *const Slot {
    // SAFETY: whoever has the pointer has a reference to the chunk; the index is below `CHUNK`.
    unsafe { (&raw const (*chunk.as_ptr()).slots).cast::<Slot>().add(key as usize % CHUNK) }
}

impl<P> Drop for Stock<P> {
    fn drop(&mut self) {
        // SAFETY: these references are the stock's, which is no more.
        unsafe { Chunk::release(self.chunk, 1 + self.references) };
    }
}

impl<P> Chunk<P> {
    fn retain(&self, more: usize) {
        // Relaxed: who has a reference may take others.
        let before = self.references.fetch_add(more, Ordering::Relaxed);
        if before > usize::MAX / 2 {
            // Only by forgetting wakers.
            std::process::abort();
        }
    }

    /// # Safety
    ///
    /// The caller gives up so many references.
    unsafe fn release(chunk: NonNull<Self>, references: usize) {
        // Release: what was done by these references is done before the chunk is freed.
        // SAFETY: the caller's references keep it alive up to here.
        if unsafe { chunk.as_ref() }.references.fetch_sub(references, Ordering::Release) == references {
            // Acquire: pairs with the releases of all others.
            fence(Ordering::Acquire);
            // SAFETY: it was made from a box, and these were the last references.
            drop(unsafe { Box::from_raw(chunk.as_ptr()) });
        }
    }
}

/// Gives up one reference, also when a bell panics.
struct Reference<P>(NonNull<Chunk<P>>);

impl<P> Drop for Reference<P> {
    fn drop(&mut self) {
        // SAFETY: made for one reference.
        unsafe { Chunk::release(self.0, 1) };
    }
}

impl<P: Post> Chunk<P> {
    const VTABLE: &'static RawWakerVTable =
        &RawWakerVTable::new(Self::clone, Self::wake, Self::wake_by_ref, Self::drop);

    /// The chunk that a waker's slot is in.
    ///
    /// # Safety
    ///
    /// `data` is that of a live waker made by [`Slots::waker`] for this `P`.
    unsafe fn of(data: *const ()) -> NonNull<Self> {
        let slot = data.cast::<Slot>();
        // SAFETY: the slot is live, as the waker holds its chunk. It was reached by a pointer to the whole chunk, so one may go back.
        let chunk: *const Self =
            unsafe { slot.sub((*slot).key as usize % CHUNK).byte_sub(offset_of!(Self, slots)).cast() };
        // SAFETY: it is live.
        unsafe { NonNull::new_unchecked(chunk.cast_mut()) }
    }

    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: called for a live waker, which holds a reference.
        unsafe { Self::of(data).as_ref() }.retain(1);
        RawWaker::new(data, Self::VTABLE)
    }

    unsafe fn wake(data: *const ()) {
        // SAFETY: called for a live waker, whose reference this takes over.
        let _reference = Reference(unsafe { Self::of(data) });
        // SAFETY: the reference is there still.
        unsafe { Self::wake_by_ref(data) };
    }

    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: called for a live waker, which holds a reference; the slot is in the chunk.
        unsafe { Self::of(data).as_ref().post.post(&*data.cast::<Slot>()) };
    }

    unsafe fn drop(data: *const ()) {
        // SAFETY: called for a live waker, whose reference this takes over.
        drop(Reference(unsafe { Self::of(data) }));
    }
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Posted(Mutex<Vec<u32>>);

    impl Post for Posted {
        fn post(&self, slot: &Slot) {
            self.0.lock().unwrap().push(slot.key());
        }
    }

    #[test]
    fn each_waker_has_its_number() {
        let posted = Arc::new(Posted::default());
        let mut slots = Slots::new(posted.clone());
        slots.grow_to(199);
        let wakers: Vec<_> = (0..200).map(|key| slots.waker(key)).collect();
        wakers.iter().rev().for_each(Waker::wake_by_ref);
        assert_eq!(*posted.0.lock().unwrap(), (0..200).rev().collect::<Vec<_>>());
    }

    #[test]
    fn wakers_outlive_the_slots_and_leave_nothing_behind() {
        let posted = Arc::new(Posted::default());
        let mut slots = Slots::new(posted.clone());
        slots.grow_to(100);
        let (first, last) = (slots.waker(0), slots.waker(100));
        drop(slots);
        let clone = last.clone();
        drop(last);
        clone.wake();
        first.wake_by_ref();
        assert_eq!(*posted.0.lock().unwrap(), [100, 0]);
        assert_eq!(Arc::strong_count(&posted), 2);
        drop(first);
        assert_eq!(Arc::strong_count(&posted), 1);
    }

    #[test]
    fn more_wakers_than_the_stock_has_and_some_taken_back() {
        let posted = Arc::new(Posted::default());
        let mut slots = Slots::new(posted.clone());
        slots.grow_to(1);
        let mut wakers: Vec<_> = (0..1_000).map(|_| slots.waker(1)).collect();
        for waker in wakers.split_off(300) {
            assert!(slots.take_back(1, waker).is_none());
        }
        // Of another slot, and of nobody.
        let other = slots.waker(0);
        assert!(slots.take_back(1, other).is_some());
        assert!(slots.take_back(1, Waker::noop().clone()).is_some());
        drop(slots);
        assert_eq!(Arc::strong_count(&posted), 2);
        wakers.into_iter().for_each(Waker::wake);
        assert_eq!(Arc::strong_count(&posted), 1);
        assert_eq!(posted.0.lock().unwrap().len(), 300);
    }
}
