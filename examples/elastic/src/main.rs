//! An elastic group at work: a load that rises, bursts, gets stuck and falls, the same for both ways to bring threads.
//!
//! ```text
//! cargo run --release --example elastic                   draws while it runs, then writes target/elastic.svg
//! cargo run --release --example elastic -- --quick        the same in less than 3 s
//! cargo run --release --example elastic | less            a line for every step
//! ```
//!
//! Where to look: `run.rs` is how the group is used, `load.rs` what it is given to do; `panel.rs` says what is shown,
//! `screen.rs` draws it in the terminal and `chart.rs` as an SVG.

mod chart;
mod load;
mod options;
mod panel;
mod run;
mod screen;

use aside::Scale;
use load::Load;
use options::{HELP, Options, Settings};
use run::Run;
use screen::Screen;
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// The command line asks for what does not exist.
const BAD_USAGE: u8 = 2;

fn main() -> ExitCode {
    let done = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Options::Help) => {
            // Whoever asks for help and closes the pipe has read enough.
            let _ = io::stdout().write_all(HELP.as_bytes());
            Ok(())
        }
        Ok(Options::Show(settings)) => show(&settings).map_err(|complaint| (1, complaint)),
        Err(complaint) => Err((BAD_USAGE, format!("{complaint}\n\n{HELP}"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, complaint)) => {
            // `eprintln!` would panic if stderr were closed.
            let _ = writeln!(io::stderr(), "elastic: {}", complaint.trim_end());
            ExitCode::from(code)
        }
    }
}

fn show(settings: &Settings) -> Result<(), String> {
    let cannot_write = |error: io::Error| format!("cannot write {}: {error}", settings.svg.display());
    // Nobody should watch for a quarter of a minute only to hear that it was in vain.
    try_to_open(&settings.svg).map_err(cannot_write)?;

    let load = if settings.quick { Load::quick() } else { Load::full() };
    let policies = [Scale::default(), Scale::PerQueued(settings.per_queued)];
    let mut screen = Screen::new(&load);
    let mut runs = Vec::new();
    for policy in policies {
        match run::run(policy, &load, &mut screen) {
            Ok(run) => runs.push(run),
            // The reader of a pipe has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
    }
    fs::write(&settings.svg, chart::svg(&runs, &load)?).map_err(cannot_write)?;
    say(format_args!("written: {}", settings.svg.display()));
    runs.iter().try_for_each(Run::check)
}

/// Leaves what the file holds as it is: it may be all there will be.
fn try_to_open(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().append(true).create(true).open(path).map(drop)
}

/// Like `println!`, which panics if nobody listens.
fn say(message: impl Display) {
    let _ = writeln!(io::stdout(), "{message}");
}
