//! One job: its cell, the two who own it, and the queue it waits in. The protocol is in `README.md` beside this
//! file. This folder may use unsafe code; what it exports is safe.
#![allow(unsafe_code)]

mod cancel;
mod catch;
mod cell;
mod error;
mod handle;
mod host;
#[cfg(all(test, aside_loom))]
pub(crate) mod model;
mod offload;
mod parcel;
mod queue;
mod slots;
mod state;
mod strand;
mod task;
mod thread_waker;

pub use cancel::Cancel;
pub use catch::Catch;
pub use error::{JobError, Panic};
pub use offload::Offload;

use handle::Handle;
pub(crate) use host::{Care, Departure, Host, Settlement};
pub(crate) use parcel::Parcel;
pub(crate) use queue::{Batch, Beside, Popped, Queue};
pub(crate) use slots::{Post, Slot, Slots};
pub(crate) use strand::{Running, Seen, Strand, Strung};
pub(crate) use task::{Claimed, Task};
pub(crate) use thread_waker::{Wait, block_on};

use std::sync::Arc;

/// What a cell holds and a thread runs: a closure, or one with something about it.
pub(crate) trait Job: Send + 'static {
    type Output: Send + 'static;

    /// `host` is what the cell was made with.
    fn run(self, host: &dyn Host) -> Self::Output;
}

impl<F, T> Job for F
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn run(self, _: &dyn Host) -> T {
        self()
    }
}

/// A new job, not queued yet.
pub(crate) fn new<J: Job>(job: J, host: Arc<dyn Host>) -> (Task, Offload<J::Output>) {
    let (task, handle) = new_raw(job, host);
    (task, Offload::new(handle))
}

/// A new job that nobody waits for, not queued yet.
pub(crate) fn new_detached<J: Job<Output = ()>>(job: J, host: Arc<dyn Host>) -> Task {
    let header = cell::Cell::allocate(job, host, false);
    // SAFETY: a new cell has the task's bit set, and its task is made once.
    unsafe { Task::from_raw(header) }
}

/// A new job, handed to `push`. If `push` refuses it, queued or not, the closure is taken back, unless a
/// worker has started it: then it was accepted after all.
pub(crate) fn push_or_reclaim<J: Job>(
    job: J,
    host: Arc<dyn Host>,
    push: impl FnOnce(Task) -> Result<(), Option<Task>>,
) -> Result<Offload<J::Output>, J> {
    let (task, handle) = new_raw(job, host);
    let Err(unqueued) = push(task) else { return Ok(Offload::new(handle)) };
    // SAFETY: made from a `J` a few lines up.
    let job = unsafe { handle.reclaim_unchecked::<J>() };
    // Its entry is dead.
    drop(unqueued);
    match job {
        Ok(job) => Err(job),
        Err(handle) => Ok(Offload::new(handle)),
    }
}

fn new_raw<J: Job>(job: J, host: Arc<dyn Host>) -> (Task, Handle<J::Output>) {
    let header = cell::Cell::allocate(job, host, true);
    handle::remember_newest(header);
    // SAFETY: a new cell has both bits set, and each owner is made once.
    unsafe { (Task::from_raw(header), Handle::from_raw(header)) }
}
