//! An elastic group at work, drawn in the terminal while it runs, and as an SVG.
//!
//! ```text
//! cargo run --release --example elastic
//! cargo run --release --example elastic -- --help
//! ```
//!
//! The program is a package of its own, in `examples/elastic`. This starts it: the same as `cargo run --release -p aside-elastic`.

mod launch;

use std::process::ExitCode;

fn main() -> ExitCode {
    launch::launch("aside-elastic", &[])
}
