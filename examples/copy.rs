//! Copies a file or a pipe under a progress bar, reading and writing off the executor's thread.
//!
//! ```text
//! cargo run --release --example copy                      a demonstration, with figures
//! cargo run --release --example copy -- FROM TO           `-` is stdin or stdout
//! ```
//!
//! The program is a package of its own, in `examples/copy`. This starts it: the same as `cargo run --release -p aside-copy`.

mod launch;

use std::process::ExitCode;

fn main() -> ExitCode {
    launch::launch("aside-copy", &[])
}
