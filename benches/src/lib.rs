//! What the benchmarks share: meters of what a stretch of work takes, child processes, and tables. See `README.md`.

pub mod alloc;
pub mod bars;
pub mod child;
pub mod figures;
pub mod group;
pub mod meter;
pub mod results;
pub mod text;
pub mod threads;
