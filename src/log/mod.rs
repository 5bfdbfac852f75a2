//! A log writer: each thread writes its records into a ring of its own, and a job on an offload thread writes them out, in order.
//!
//! Logging takes no lock, makes no system call and allocates nothing per record; only when the drain sleeps does it wake it. How
//! it works is in `src/log/README.md` and `src/ring/README.md`.
//!
//! ```
//! use aside::log::Writer;
//! use std::io::Write;
//! use std::time::Duration;
//!
//! let (log, guard) = Writer::builder().sink(std::io::sink()).build()?;
//! log.write_record(b"one record, whole\n")?;
//! writeln!(&log, "or {}", "formatted")?;
//! let report = guard.close(Duration::from_secs(1));
//! assert_eq!(report.written, 2);
//! # std::io::Result::Ok(())
//! ```

mod alarm;
mod builder;
mod drain;
mod drops;
mod errand;
mod error;
mod farewell;
mod flush;
mod front;
mod grant;
mod guard;
#[cfg(all(test, aside_loom))]
mod model;
mod nap;
mod pending;
mod pool;
mod shared;
mod shift;
mod sink;
mod stats;
mod tail;
mod utc;
mod writer;

pub use builder::{Builder, Order, Overflow};
pub use drops::Dropped;
pub use errand::{Reopening, Synced, Syncing};
pub use error::{FlushError, ReopenError, WriteError};
pub use flush::Flush;
pub use grant::Grant;
pub use guard::{Guard, Report};
pub use sink::Reaction;
pub use stats::Stats;
pub use writer::Writer;
