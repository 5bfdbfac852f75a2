//! What the benchmarks share: meters of what a stretch of work takes, child processes, and tables. See `README.md`.

pub mod alloc;
pub mod bars;
pub mod child;
pub mod figures;
pub mod group;
pub mod meter;
pub mod program;
pub mod record;
pub mod results;
pub mod syscalls;
pub mod text;
pub mod threads;
pub mod ticks;
pub mod written;
