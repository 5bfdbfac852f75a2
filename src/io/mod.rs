//! Blocking readers and writers as async ones, over a [`Lane`](crate::Lane).
//!
//! [`Offloaded`] makes an async reader or writer, or both, of anything that is [`Read`](std::io::Read) or
//! [`Write`](std::io::Write); [`stdin`], [`stdout`] and [`stderr`] are those of the process.
//!
//! For one operation on a file there is no need of either: put the operation aside as a whole.
//!
//! ```
//! # futures::executor::block_on(async {
//! let text = aside::offload(|| std::fs::read_to_string("Cargo.toml")).await?;
//! let size = aside::offload(|| std::fs::metadata("Cargo.toml")).await?.len();
//! assert_eq!(text.len() as u64, size);
//!
//! use futures::io::AsyncReadExt;
//! let file = aside::offload(|| std::fs::File::open("Cargo.toml")).await?;
//! let mut first = [0; 9];
//! aside::io::Offloaded::new(file).read_exact(&mut first).await?;
//! assert_eq!(&first, b"[package]");
//! # std::io::Result::Ok(()) }).unwrap();
//! ```

mod ahead;
mod behind;
mod builder;
mod flush;
mod futures_io;
mod offloaded;
mod position;
mod repoll;
mod rewind;
mod sides;
mod stdio;
mod stock;
#[cfg(feature = "tokio")]
mod tokio_io;
mod unwritten;

pub use builder::OffloadedBuilder;
pub use offloaded::Offloaded;
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use unwritten::Unwritten;
