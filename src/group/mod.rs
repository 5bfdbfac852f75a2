//! A set of offload threads with one queue and one policy. The protocol by which a submitter and a worker never miss
//! each other is in `README.md` beside this file.

mod batch;
mod builder;
mod core;
mod counts;
mod current;
mod drain;
mod error;
mod global;
mod handle;
mod host;
#[cfg(all(test, aside_loom))]
mod model;
mod offload_wait;
mod parked;
mod place;
mod scale;
mod shutdown;
#[cfg(all(test, not(aside_loom)))]
mod simulation;
mod starter;
mod stats;
mod tally;
#[cfg(feature = "timings")]
mod timings;
mod watch;
mod worker;

pub use batch::OffloadAll;
pub use builder::Builder;
pub use drain::Drain;
pub use error::{BuildError, RejectReason, Rejected};
pub use handle::Group;
pub use offload_wait::OffloadWait;
pub use scale::Scale;
pub use shutdown::Left;
pub use stats::Stats;
#[cfg(feature = "timings")]
pub use timings::{Times, Timings};

pub(crate) use self::core::Core;
pub(crate) use global::global;
pub(crate) use offload_wait::{Bounded, Queue};
