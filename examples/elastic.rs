//! An elastic group at work, drawn in the terminal while it runs, and as an SVG.
//!
//! ```text
//! cargo run --release --example elastic
//! cargo run --release --example elastic -- --help
//! ```
//!
//! The program is a package of its own, in `examples/elastic`, as `cargo test` builds all examples of this one and all that they
//! depend on, and testing `aside` takes no plotting. This starts it: the same as `cargo run --release -p aside-elastic`.

use std::process::{Command, ExitCode};
use std::{env, io};

fn main() -> ExitCode {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["run", "--package", "aside-elastic"]);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command.arg("--").args(env::args_os().skip(1));
    match hand_over(&mut command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("elastic: cannot start {}: {error}", cargo.to_string_lossy());
            ExitCode::FAILURE
        }
    }
}

/// The program takes this one's place, so that signals and the exit status are its own.
#[cfg(unix)]
fn hand_over(command: &mut Command) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn hand_over(command: &mut Command) -> io::Result<ExitCode> {
    let status = command.status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
