//! Wakers that carry a number, and of which a new one costs no allocation: 64 share one.

use crate::sync::AtomicUsize;
use std::mem::{ManuallyDrop, offset_of};
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// How many slots are allocated at a time.
const CHUNK: usize = 64;

/// What a waker with a number does.
pub(crate) trait Post: Send + Sync + 'static {
    /// A waker of this slot was called.
    fn post(&self, slot: &Slot);
}

/// A number, and a word for whoever the wakers belong to. Slots with numbers that follow each other stand side by side, four to
/// a cache line.
pub(crate) struct Slot {
    pub(crate) next: AtomicUsize,
    key: usize,
}

/// The slots from number 0 on, and their wakers. The wakers keep what they need alive by themselves.
pub(crate) struct Slots<P> {
    post: Arc<P>,
    chunks: Vec<Arc<Chunk<P>>>,
}

struct Chunk<P> {
    post: Arc<P>,
    slots: [Slot; CHUNK],
}

impl Slot {
    pub(crate) fn key(&self) -> usize {
        self.key
    }
}

impl<P: Post> Slots<P> {
    pub(crate) fn new(post: Arc<P>) -> Self {
        Self { post, chunks: Vec::new() }
    }

    /// Makes the slots up to this number, with `next` at 0.
    pub(crate) fn grow_to(&mut self, key: usize) {
        while self.chunks.len() <= key / CHUNK {
            let first = self.chunks.len() * CHUNK;
            let slots = std::array::from_fn(|n| Slot { next: AtomicUsize::new(0), key: first + n });
            self.chunks.push(Arc::new(Chunk { post: self.post.clone(), slots }));
        }
    }

    /// # Panics
    ///
    /// If there is no such slot.
    pub(crate) fn get(&self, key: usize) -> &Slot {
        &self.chunks[key / CHUNK].slots[key % CHUNK]
    }

    /// A waker of the slot.
    ///
    /// # Panics
    ///
    /// If there is no such slot.
    pub(crate) fn waker(&self, key: usize) -> Waker {
        let chunk = Arc::into_raw(self.chunks[key / CHUNK].clone());
        // SAFETY: `chunk` is live, and the slot in it: the index is below `CHUNK`.
        let slot = unsafe { (&raw const (*chunk).slots).cast::<Slot>().add(key % CHUNK) };
        // SAFETY: the functions below keep to the contract of a waker: the data stands for one strong reference to the chunk, which is
        // `Send` and `Sync`, as its slots and `P` are.
        unsafe { Waker::new(slot.cast(), Chunk::<P>::VTABLE) }
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
    unsafe fn of(data: *const ()) -> *const Self {
        let slot = data.cast::<Slot>();
        // SAFETY: the slot is live, as the waker holds its chunk. It was reached by a pointer to the whole chunk, so one may go back.
        unsafe { slot.sub((*slot).key % CHUNK).byte_sub(offset_of!(Self, slots)).cast() }
    }

    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: called for a live waker, which holds a strong reference.
        unsafe { Arc::increment_strong_count(Self::of(data)) };
        RawWaker::new(data, Self::VTABLE)
    }

    unsafe fn wake(data: *const ()) {
        // SAFETY: called for a live waker, whose reference this takes over.
        let chunk = unsafe { Arc::from_raw(Self::of(data)) };
        // SAFETY: the slot is in the chunk.
        chunk.post.post(unsafe { &*data.cast::<Slot>() });
    }

    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: called for a live waker, which keeps its reference.
        let chunk = ManuallyDrop::new(unsafe { Arc::from_raw(Self::of(data)) });
        // SAFETY: the slot is in the chunk.
        chunk.post.post(unsafe { &*data.cast::<Slot>() });
    }

    unsafe fn drop(data: *const ()) {
        // SAFETY: called for a live waker, whose reference this takes over.
        drop(unsafe { Arc::from_raw(Self::of(data)) });
    }
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Posted(Mutex<Vec<usize>>);

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
}
