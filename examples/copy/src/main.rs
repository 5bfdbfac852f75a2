//! Copies a file or a pipe, with an async reader on one side and an async writer on the other.
//!
//! ```text
//! cargo run --release --example copy                      a demonstration: 256 MiB in three ways, compared
//! cargo run --release --example copy -- FROM TO           copies a file
//! generate | cargo run --release --example copy -- - TO   copies what comes
//! cargo test -p aside-copy                                all of that, and what goes wrong
//! ```
//!
//! Where to look: `copy.rs` is how readers and writers are used; `source.rs` and `target.rs` are what they are made of;
//! `demonstration.rs` measures.

mod copy;
mod demonstration;
mod options;
mod progress;
mod source;
mod target;

use futures::executor::block_on;
use options::{HELP, Options};
use source::Source;
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
        Ok(Options::Copy { from, to }) => block_on(copy_path(&from, &to)),
        Ok(Options::Demonstrate { megabytes }) => {
            demonstration::run(megabytes).map_err(|error| error.to_string())
        }
        Err(complaint) => {
            let _ = write!(io::stderr(), "copy: {complaint}\n\n{HELP}");
            return ExitCode::from(BAD_USAGE);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            let _ = writeln!(io::stderr(), "copy: {complaint}");
            ExitCode::FAILURE
        }
    }
}

async fn copy_path(from: &Path, to: &Path) -> Result<(), String> {
    let cannot_read = |error: io::Error| format!("cannot read {}: {error}", from.display());
    let cannot_write = |error: io::Error| format!("cannot write {}: {error}", to.display());

    let source = Source::open(from).await.map_err(cannot_read)?;
    let target = target::create(to, from).await.map_err(cannot_write)?;
    let bar = progress::bar(source.length);
    let copied = copy::copy(source.reader, target, |bytes| bar.inc(bytes)).await;
    bar.finish();
    match copied {
        Ok(_) => Ok(()),
        Err(copy::Error::Read(error)) => Err(cannot_read(error)),
        Err(copy::Error::Write(error)) => Err(cannot_write(error)),
    }
}
