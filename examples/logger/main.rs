//! A logger whose writes leave the logging thread: what does a record cost when written directly, and when offloaded?
//!
//! ```text
//! cargo run --release --example logger                  200,000 lines of its own, from 4 threads
//! cargo run --release --example logger -- FILE          the lines of a file
//! some-program | cargo run --release --example logger -- -
//! cargo run --release --example logger -- --check       reads back what it wrote, and verifies it
//! ```
//!
//! Every line comes out once on stdout. Half of the records are written directly, half are offloaded, in turns;
//! the table that compares the two goes to stderr.
//!
//! Where to look: `outlet.rs` has both ways to log a record, `writer.rs` what the offload thread does with one.

mod check;
mod crew;
mod input;
mod meter;
mod options;
mod os;
mod outlet;
mod run;
mod sink;
mod table;
mod writer;

use options::{HELP, Options, Source};
use outlet::Outlet;
use run::Run;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use table::counted;

/// What was asked for cannot be done: an unknown option, a file that cannot be read.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let done = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Options::Help) => {
            // Whoever asks for help and closes the pipe has read enough.
            let _ = io::stdout().write_all(HELP.as_bytes());
            Ok(())
        }
        Ok(Options::Check) => check::check(),
        Ok(Options::Log(source)) => log(source),
        Err(complaint) => Err((BAD_INPUT, format!("{complaint}\n\n{HELP}"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            say(format_args!("logger: {}", message.trim_end()));
            ExitCode::from(code)
        }
    }
}

fn log(source: Source) -> Result<(), (u8, String)> {
    let stdout = os::stdout().map_err(|error| (1, format!("no stdout to write to: {error}")))?;
    let goes_to = os::kind(&stdout);
    let mut input = source.open(&stdout).map_err(|complaint| (BAD_INPUT, complaint))?;

    let outlet = Outlet::new(stdout).map_err(|error| (1, format!("no thread to offload to: {error}")))?;
    let mut run = Run::new(&outlet);
    let read = match &mut input {
        None => crew::log(&mut run).map_err(|error| (1, format!("no thread to log from: {error}"))),
        Some(input) => input.log(&mut run).map_err(|error| (BAD_INPUT, error)),
    };
    let report = run.finish();

    say(format_args!("\n{}", table::of(&report, &source, goes_to).trim_end()));
    match &report.stop {
        None => read,
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            let written = counted(report.written(), "record");
            say(format_args!("stdout was closed by its reader after {written}; stopping"));
            read
        }
        Some(error) => {
            let written = counted(report.written(), "record");
            Err((1, format!("could not write to stdout, after {written}: {error}")))
        }
    }
}

/// Like `eprintln!`, which panics if stderr is closed or full.
fn say(message: impl Display) {
    let _ = io::stderr().write_all(format!("{message}\n").as_bytes());
}
