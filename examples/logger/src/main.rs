//! What a log record costs the thread that logs it: written directly, through a `BufWriter`, with tracing-appender, and with `aside`.
//!
//! Every line comes out once on stdout, by one way or another: they take turns. The table that compares them goes to stderr.
//! `cargo run --release -p aside-logger -- --help` says what else it does.
//!
//! Where to look: `outlet.rs` has the four ways to log a record.

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

use options::{HELP, Options, Source};
use outlet::Outlet;
use run::Report;
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

    let outlet = Outlet::new(stdout).map_err(|error| (1, format!("no thread to write with: {error}")))?;
    let (sections, read) = match &mut input {
        None => {
            let sections = crew::log(&outlet);
            (sections.map_err(|error| (1, format!("no thread to log from: {error}")))?, Ok(()))
        }
        Some(input) => {
            let (section, read) = input.log(&outlet);
            (vec![section], read.map_err(|error| (BAD_INPUT, error)))
        }
    };
    let report = Report { sections, stop: outlet.finish() };

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
