//! What a log record costs the thread that logs it: written directly, through a `BufWriter`, with tracing-appender, and with `aside`.
//!
//! ```text
//! cargo run --release --example logger                  200,000 lines of its own, from 4 threads
//! cargo run --release --example logger -- FILE          the lines of a file
//! some-program | cargo run --release --example logger -- -
//! cargo run --release --example logger -- --check       reads back what it wrote, and verifies it
//! ```
//!
//! The program is a package of its own, in `examples/logger`. This starts it: the same as `cargo run --release -p aside-logger`.

mod launch;

use std::process::ExitCode;

fn main() -> ExitCode {
    launch::launch("aside-logger", &[])
}
