//! What the benchmarks share: meters of what a stretch of work takes, and tables. See `README.md`.

pub mod alloc;
pub mod figures;
pub mod meter;
pub mod text;
pub mod threads;
