//! A job's handle with the closure to call with its outcome, of any type: a cache line, without an allocation if the
//! closure is small.

use super::JobError;
use super::handle::{Handle, Pending};
use super::host::Host;
use super::offload::Offload;
use crate::panic::contain;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::Arc;
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

    /// # Safety
    ///
    /// `FITS`.
    #[inline]
    unsafe fn parcel(handle: Handle<T>, f: F) -> Parcel {
        let mut room = [MaybeUninit::uninit(); ROOM];
        // SAFETY: the closure fits into the room, and the room is aligned for it.
        unsafe { room.as_mut_ptr().cast::<F>().write(f) };
        // SAFETY: only the functions below, which turn it back, use it for what depends on its type.
        let handle = unsafe { handle.cast() };
        Parcel { vtable: &Self::VTABLE, handle: ManuallyDrop::new(handle), room, closure: PhantomData }
    }

    /// # Safety
    ///
    /// The two are those of a parcel that this type made, and are not used again.
    #[inline]
    unsafe fn contents(handle: Handle<Unknown>, room: *const Room) -> (Handle<T>, F) {
        // SAFETY: its type is what it was, and the closure was written there by `parcel`, and is read once.
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
    /// `None` if the job has given its outcome already.
    #[inline]
    pub(crate) fn new<T, F>(offload: Offload<T>, f: F) -> Option<Self>
    where
        T: 'static,
        F: FnOnce(Result<T, JobError>) + 'static,
    {
        let handle = offload.into_handle()?;
        Some(if Types::<T, F>::FITS {
            // SAFETY: it fits.
            unsafe { Types::parcel(handle, f) }
        } else {
            // SAFETY: a box is a word.
            unsafe { Types::parcel(handle, Box::new(f)) }
        })
    }

    pub(crate) fn host(&self) -> &Arc<dyn Host> {
        self.handle.host()
    }

    #[inline]
    pub(crate) fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Has `waker` called when the job is done, in place of any other, which is given back. False if it is done already: then it is not called, and
    /// may be what is given back.
    #[inline]
    pub(crate) fn leave_waker(&mut self, waker: Waker) -> (bool, Option<Waker>) {
        self.handle.leave_waker(waker)
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

    /// Calls the closure, if the job is done.
    #[inline]
    pub(crate) fn deliver(self) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the parcel is not used, nor dropped, after this.
        let handle = unsafe { ManuallyDrop::take(&mut this.handle) };
        // SAFETY: the vtable is that of the parcel's types, and the contents are used once.
        unsafe { (this.vtable.deliver)(handle, &raw const this.room) };
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
