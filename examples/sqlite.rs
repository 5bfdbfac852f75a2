//! A database on a lane, used from tokio and from smol, and killed in the middle: nothing that was acknowledged is lost.
//!
//! ```text
//! cargo run --release --example sqlite
//! cargo run --release --example sqlite -- --help
//! ```
//!
//! The program is a package of its own, in `examples/sqlite`. This starts it: the same as `cargo run --release -p aside-sqlite`.

mod launch;

use std::process::ExitCode;

fn main() -> ExitCode {
    // SQLite's C is compiled in a quarter of the time.
    launch::launch("aside-sqlite", &["--config", "profile.release.package.libsqlite3-sys.opt-level=1"])
}
