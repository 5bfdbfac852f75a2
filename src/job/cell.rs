//! The heap cell of a job: header, closure, output. See `README.md` for who may touch what when.

use super::Job;
use super::host::Host;
use super::state::AtomicState;
use crate::os::prefetch::prefetch_to_write;
use crate::panic::Payload;
use crate::sync::{AtomicPtr, UnsafeCell};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

/// A place in the queue's list.
pub(super) struct Link {
    pub(super) next: AtomicPtr<Link>,
}

impl Link {
    pub(super) fn new() -> Self {
        Self { next: AtomicPtr::new(std::ptr::null_mut()) }
    }
}

/// The part of a cell that does not depend on the job's type.
#[repr(C)]
pub(super) struct Header {
    /// First, so that a link's address is its header's.
    pub(super) link: Link,
    pub(super) state: AtomicState,
    vtable: &'static VTable,
    pub(super) waker: UnsafeCell<Option<Waker>>,
    pub(super) host: Arc<dyn Host>,
}

/// The operations that need the types. Each takes the cell of its own type.
struct VTable {
    run: unsafe fn(NonNull<Header>) -> bool,
    drop_job: unsafe fn(NonNull<Header>),
    output: unsafe fn(NonNull<Header>) -> *mut (),
    drop_output: unsafe fn(NonNull<Header>),
    free: unsafe fn(NonNull<Header>),
    /// Whether dropping the value of a job that did not panic takes no time.
    value_is_plain: bool,
}

/// What a job leaves behind: its value, or what it panicked with.
pub(super) type Output<T> = Result<T, Payload>;

union Body<F, T> {
    job: ManuallyDrop<F>,
    output: ManuallyDrop<Output<T>>,
}

/// A whole cell.
#[repr(C)]
pub(super) struct Cell<F, T> {
    header: Header,
    body: UnsafeCell<Body<F, T>>,
}

impl<F, T> Cell<F, T>
where
    F: Job<Output = T>,
{
    const VTABLE: VTable = VTable {
        run: Self::run,
        drop_job: Self::drop_job,
        output: Self::output,
        drop_output: Self::drop_output,
        free: Self::free,
        value_is_plain: !std::mem::needs_drop::<T>(),
    };

    /// A cell in the state `QUEUED`, held by a task, and by a handle if there is to be one.
    pub(super) fn allocate(job: F, host: Arc<dyn Host>, has_handle: bool) -> NonNull<Header> {
        let cell = Box::new(Cell::<F, T> {
            header: Header {
                link: Link::new(),
                state: AtomicState::new(has_handle),
                vtable: &Self::VTABLE,
                waker: UnsafeCell::new(None),
                host,
            },
            body: UnsafeCell::new(Body { job: ManuallyDrop::new(job) }),
        });
        NonNull::from(Box::leak(cell)).cast()
    }

    fn body<'a>(header: NonNull<Header>) -> &'a UnsafeCell<Body<F, T>> {
        // SAFETY: called through the vtable of a live cell, so the header is the start of a `Cell<F, T>`.
        unsafe { &(*header.cast::<Self>().as_ptr()).body }
    }

    unsafe fn take_job(header: NonNull<Header>) -> F {
        // SAFETY: the caller owns the body and it holds the closure, which is read once.
        Self::body(header).with_mut(|body| unsafe { ManuallyDrop::take(&mut (*body).job) })
    }

    unsafe fn run(header: NonNull<Header>) -> bool {
        // SAFETY: passed on from `Header::run`.
        let job = unsafe { Self::take_job(header) };
        // SAFETY: the caller, who owns the body, keeps the cell alive.
        let host = unsafe { header.as_ref() }.host.as_ref();
        let output = catch_unwind(AssertUnwindSafe(|| job.run(host)));
        let panicked = output.is_err();
        Self::body(header).with_mut(|body| {
            // SAFETY: the caller owns the body, which is empty now.
            unsafe { (*body).output = ManuallyDrop::new(output) }
        });
        panicked
    }

    unsafe fn drop_job(header: NonNull<Header>) {
        // SAFETY: passed on from `Header::drop_job`.
        drop(unsafe { Self::take_job(header) });
    }

    unsafe fn output(header: NonNull<Header>) -> *mut () {
        // SAFETY: only the address is taken; the caller says what it may do with it.
        Self::body(header).with_mut(|body| unsafe { (&raw mut (*body).output).cast() })
    }

    unsafe fn drop_output(header: NonNull<Header>) {
        // SAFETY: the caller owns the body and it holds the output, which is dropped once.
        Self::body(header).with_mut(|body| unsafe { ManuallyDrop::drop(&mut (*body).output) });
    }

    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: the caller is the last owner; the box was made in `allocate`. The union drops nothing by itself.
        let cell = unsafe { Box::from_raw(header.cast::<Self>().as_ptr()) };
        // A waker's destructor is foreign code: the memory is given back before it can panic.
        let waker = cell.header.waker.with_mut(|slot| {
            // SAFETY: the last owner has the slot to itself.
            unsafe { (*slot).take() }
        });
        drop(cell);
        drop(waker);
    }
}

/// Asks for a cell's two lines before they are needed, and at once for writing: read first, each would come twice. Makes a round trip
/// about 10 % shorter.
#[inline(always)]
pub(super) fn prefetch_cell(header: *const Link) {
    prefetch_to_write(header);
    prefetch_to_write(header.wrapping_byte_add(64));
}

impl Header {
    /// Runs the closure and leaves its output in the body. Returns whether it panicked.
    ///
    /// # Safety
    ///
    /// The caller owns the body (it took the state out of `QUEUED`) and the closure is still there.
    pub(super) unsafe fn run(this: NonNull<Header>) -> bool {
        // SAFETY: the vtable fits the cell, the rest is the caller's word.
        unsafe { (this.as_ref().vtable.run)(this) }
    }

    /// Drops the closure unrun. May panic if the closure's destructor does; the body is empty all the same.
    ///
    /// # Safety
    ///
    /// As for [`run`](Self::run).
    pub(super) unsafe fn drop_job(this: NonNull<Header>) {
        // SAFETY: as in `run`.
        unsafe { (this.as_ref().vtable.drop_job)(this) }
    }

    /// Whether dropping the value of a job that did not panic takes no time.
    pub(super) fn value_is_plain(&self) -> bool {
        self.vtable.value_is_plain
    }

    /// Moves the closure out.
    ///
    /// # Safety
    ///
    /// As for [`run`](Self::run), and the cell was made by `Cell::<F, T>::allocate`.
    pub(super) unsafe fn take_job<F: Job<Output = T>, T>(this: NonNull<Header>) -> F {
        // SAFETY: the types are the caller's word.
        unsafe { Cell::<F, T>::take_job(this) }
    }

    /// Moves the output out.
    ///
    /// # Safety
    ///
    /// The caller owns the body, it holds an output, and that output is of the type `T`.
    pub(super) unsafe fn take_output<T>(this: NonNull<Header>) -> Output<T> {
        // SAFETY: the address is that of a `ManuallyDrop<Output<T>>`, which has the layout of an `Output<T>`, and
        // the caller lets it be read once.
        unsafe { (this.as_ref().vtable.output)(this).cast::<Output<T>>().read() }
    }

    /// Drops the output. May panic if its destructor does; the body is empty all the same.
    ///
    /// # Safety
    ///
    /// The caller owns the body and it holds an output.
    pub(super) unsafe fn drop_output(this: NonNull<Header>) {
        // SAFETY: as in `run`.
        unsafe { (this.as_ref().vtable.drop_output)(this) }
    }

    /// Frees the cell. May panic if the destructor of a waker does; the memory is given back all the same.
    ///
    /// # Safety
    ///
    /// The caller is the last owner, and the body is empty.
    pub(super) unsafe fn free(this: NonNull<Header>) {
        // SAFETY: as in `run`.
        unsafe { (this.as_ref().vtable.free)(this) }
    }
}

// A job that captures nothing and returns nothing fits the allocator's 96-byte class on 64-bit systems.
#[cfg(all(target_pointer_width = "64", not(aside_loom)))]
const _: () = assert!(size_of::<Cell<fn(), ()>>() <= 80);
