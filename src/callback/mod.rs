//! Classic callbacks, as thin adapters over the future of a job. `README.md` holds the protocol by which the ends of jobs reach
//! the thread that runs the callbacks.

mod bell;
mod completions;
mod delivery;
mod failure;
mod mailbox;
mod on_done;
mod table;

#[cfg(all(test, aside_loom))]
mod model;

pub use completions::Completions;
pub use failure::Failure;
