//! A job's handle with the closure to call with its outcome, of any type: a cache line, without an allocation if the
//! closure is small.

use super::JobError;
use super::handle::{Handle, Pending};
use super::offload::Offload;
use crate::panic::contain;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::task::{Poll, Waker};

/// For the closure, in words: 48 bytes on 64-bit systems. Larger ones go to the heap.
const ROOM: usize = 6;

type Room = [MaybeUninit<usize>; ROOM];

/// Dropped, it drops the handle and the closure, each in its own turn, so that two panics cannot meet; neither goes further.
#[repr(align(64))]
pub(crate) struct Parcel {
    vtable: &'static VTable,
    /// Never asked for its output: that has another type.
    handle: ManuallyDrop<Handle<Unknown>>,
    room: Room,
    /// The closure may be anything but `Send`.
    closure: PhantomData<*mut ()>,
}

enum Unknown {}

/// What needs the types. Each takes the handle and the closure out of the room, which holds none then.
struct VTable {
    deliver: unsafe fn(Handle<Unknown>, *const Room),
    drop: unsafe fn(Handle<Unknown>, *const Room),
}

struct Types<T, F>(PhantomData<(T, F)>);

impl<T: 'static, F: FnOnce(Result<T, JobError>) + 'static> Types<T, F> {
    const VTABLE: VTable = VTable { deliver: Self::deliver, drop: Self::drop };
    const FITS: bool = size_of::<F>() <= size_of::<Room>() && align_of::<F>() <= align_of::<Room>();

    /// Writes it where it is to be: read back in other portions than it was written in, it would hold the processor up.
    ///
    /// # Safety
    ///
    /// `FITS`.
    #[inline]
    unsafe fn put(place: &mut Option<Parcel>, handle: Handle<T>, f: F) {
        // SAFETY: only the functions below, which turn it back, use it for what depends on its type.
        let handle = ManuallyDrop::new(unsafe { handle.cast() });
        let room = [MaybeUninit::uninit(); ROOM];
        let parcel = place.insert(Parcel { vtable: &Self::VTABLE, handle, room, closure: PhantomData });
        // SAFETY: the closure fits into the room, and the room is aligned for it.
        unsafe { parcel.room.as_mut_ptr().cast::<F>().write(f) };
    }

    /// # Safety
    ///
    /// The two are those of a parcel that this type made, and are not used again.
    #[inline]
    unsafe fn contents(handle: Handle<Unknown>, room: *const Room) -> (Handle<T>, F) {
        // SAFETY: its type is what it was, and the closure was written there by `put`, and is read once.
        unsafe { (handle.cast(), room.cast::<F>().read()) }
    }

    unsafe fn deliver(handle: Handle<Unknown>, room: *const Room) {
        // SAFETY: passed on from the parcel.
        let (handle, f) = unsafe { Self::contents(handle, room) };
        if let Poll::Ready(outcome) = Pending::new(handle).poll(Waker::noop()) {
            f(outcome);
        }
    }

    unsafe fn drop(handle: Handle<Unknown>, room: *const Room) {
        // SAFETY: passed on from the parcel.
        let (handle, f) = unsafe { Self::contents(handle, room) };
        contain(move || drop(handle));
        contain(move || drop(f));
    }
}

impl Parcel {
    /// Makes one in this place, unless the job has given its outcome already.
    #[inline]
    pub(crate) fn put<T, F>(place: &mut Option<Self>, offload: Offload<T>, f: F)
    where
        T: 'static,
        F: FnOnce(Result<T, JobError>) + 'static,
    {
        let Some(handle) = offload.into_handle() else { return };
        if Types::<T, F>::FITS {
            // SAFETY: it fits.
            unsafe { Types::put(place, handle, f) };
        } else {
            // SAFETY: a box is a word.
            unsafe { Types::put(place, handle, Box::new(f)) };
        }
    }

    #[inline]
    pub(crate) fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// The waker that was left, if the job is done and nobody will look at it any more.
    #[inline]
    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.handle.take_waker()
    }

    /// The job will be looked at soon.
    #[inline]
    pub(crate) fn prefetch_job(&self) {
        self.handle.prefetch();
    }

    /// Calls the closure, if the job is done. Leaves nothing behind.
    #[inline]
    pub(crate) fn deliver(place: &mut Option<Self>) {
        let Some(parcel) = place else { return };
        // SAFETY: the parcel is not used after this, nor dropped, as it is forgotten.
        let handle = unsafe { ManuallyDrop::take(&mut parcel.handle) };
        let (deliver, room) = (parcel.vtable.deliver, parcel.room);
        std::mem::forget(place.take());
        // SAFETY: the vtable is that of the parcel's types, and the contents are used once.
        unsafe { deliver(handle, &raw const room) };
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        // SAFETY: the parcel is not used after this.
        let handle = unsafe { ManuallyDrop::take(&mut self.handle) };
        // SAFETY: the vtable is that of the parcel's types, and the contents are used once.
        unsafe { (self.vtable.drop)(handle, &raw const self.room) };
    }
}

#[cfg(all(target_pointer_width = "64", not(aside_loom)))]
const _: () = assert!(size_of::<Option<Parcel>>() == 64);
