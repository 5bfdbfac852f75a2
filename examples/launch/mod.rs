//! Starts an example that is a package of its own.
//!
//! `cargo test` builds all examples of this package and all that they depend on, and testing `aside` takes no plotting, no
//! database and no web server.

use std::process::{Command, ExitCode};
use std::{env, io};

/// The same as `cargo run -p PACKAGE OPTIONS -- ARGUMENTS`, with the arguments and the profile of this program.
pub(crate) fn launch(package: &str, options: &[&str]) -> ExitCode {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["run", "--package", package]);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command.args(options).arg("--").args(env::args_os().skip(1));
    match hand_over(&mut command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{package}: cannot start {}: {error}", cargo.to_string_lossy());
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
