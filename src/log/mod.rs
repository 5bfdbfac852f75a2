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
//!
//! # Under other loggers
//!
//! tracing-subscriber, with the feature `tracing`: each event is one record. The level decides about overflow, if it is to:
#![cfg_attr(feature = "tracing", doc = "```no_run")]
#![cfg_attr(not(feature = "tracing"), doc = "```ignore")]
//! let (log, _guard) = aside::log::Writer::builder().stdout().build()?;
//! tracing_subscriber::fmt().with_writer(log.clone()).init(); // or log.blocking_from(Level::WARN)
//! # std::io::Result::Ok(())
//! ```
//!
//! The macros of the crate `log`, with the feature `log`:
#![cfg_attr(feature = "log", doc = "```no_run")]
#![cfg_attr(not(feature = "log"), doc = "```ignore")]
//! let (log, _guard) = aside::log::Writer::builder().stdout().build()?;
//! aside::log::Logger::new(log, log::LevelFilter::Info).init().expect("the first logger");
//! # std::io::Result::Ok(())
//! ```
//!
//! env_logger, and whatever else takes an `io::Write`, without any feature. (A [`Writer`] would do, but env_logger flushes after each record, and a `Writer` that is
//! flushed waits.) For fern, see `Logger::format`.
//! ```no_run
//! let (log, _guard) = aside::log::Writer::builder().stdout().build()?;
//! env_logger::builder().target(env_logger::Target::Pipe(Box::new(log.record_writer()))).init();
//! # std::io::Result::Ok(())
//! ```

mod alarm;
mod builder;
mod clock;
mod drain;
mod drops;
mod errand;
mod error;
mod farewell;
mod flush;
mod front;
mod grant;
mod guard;
mod line;
#[cfg(feature = "log")]
mod logger;
#[cfg(feature = "tracing")]
mod make_writer;
#[cfg(all(test, aside_loom))]
mod model;
mod nap;
mod pending;
mod pool;
mod record_writer;
mod room;
mod shared;
mod shift;
mod sink;
#[cfg(test)]
mod stand;
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
#[cfg(feature = "log")]
pub use logger::Logger;
#[cfg(feature = "tracing")]
pub use make_writer::BlockingFrom;
pub use record_writer::RecordWriter;
pub use sink::Reaction;
pub use stats::Stats;
pub use writer::Writer;
