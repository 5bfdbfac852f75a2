//! Classic callbacks, as thin adapters over the future of a job.

mod failure;
mod on_done;

pub use failure::Failure;
