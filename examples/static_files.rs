//! A web server for the files of a folder, on hyper. Files are opened and read off the runtime's thread.
//!
//! ```text
//! cargo run --release --example static_files              a demonstration, with figures
//! cargo run --release --example static_files -- FOLDER    serves it until Ctrl-C
//! ```
//!
//! The program is a package of its own, in `examples/static_files`. This starts it: the same as
//! `cargo run --release -p aside-static-files`.

mod launch;

use std::process::ExitCode;

fn main() -> ExitCode {
    launch::launch("aside-static-files", &[])
}
