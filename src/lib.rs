#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod callback;
mod deadline;
mod group;
pub mod io;
mod job;
mod lane;
pub mod log;
mod os;
mod panic;
mod patience;
mod ring;
mod room;
mod sync;
mod wait_list;

pub use callback::{Completions, Failure};
pub use deadline::Deadline;
pub use group::{
    BuildError, Builder, Drain, Group, Left, OffloadAll, OffloadWait, RejectReason, Rejected, Scale, Stats,
};
#[cfg(feature = "timings")]
pub use group::{Times, Timings};
pub use job::{Cancel, Catch, JobError, Offload, Panic};
pub use lane::{IntoInner, Lane, LaneBuilder, LaneDrain};

/// Puts a blocking job aside: queues it, at once, in the [global group](Group::global) and returns the future of its output.
///
/// The same as [`Group::global()`](Group::global)[`.offload(job)`](Group::offload). Costs one allocation; a lock and a system
/// call only if a parked thread has to be woken or a new one started, as all others are busy.
///
/// # Panics
///
/// Never itself. A panic of the job resumes in whoever awaits it: see [`Offload`].
///
/// ```
/// # futures::executor::block_on(async {
/// let bytes = aside::offload(|| std::fs::read("Cargo.toml")).await?;
/// assert!(!bytes.is_empty());
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub fn offload<F, T>(job: F) -> Offload<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Group::global().offload(job)
}
