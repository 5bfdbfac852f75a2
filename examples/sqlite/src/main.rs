//! A SQLite database on a lane: one connection, many tasks of two runtimes, and a crash in the middle.
//!
//! ```text
//! cargo run --release --example sqlite                     kills the worker three times, 300 acknowledgements each
//! cargo run --release --example sqlite -- --acks 5000      longer
//! cargo test -p aside-sqlite                               the same, and more
//! ```
//!
//! The program starts itself as a worker. There, tasks of tokio and of smol commit transactions on one connection, and each says so only
//! after its commit has returned. The program kills the worker in the midst of that with SIGKILL, opens the database again and looks whether
//! all that was acknowledged is there, and nothing by halves.
//!
//! Where to look: `ledger.rs` is how the lane is used, `worker.rs` by whom; `crash.rs` kills, `report.rs` tells.

mod crash;
mod ledger;
mod options;
mod report;
mod worker;

use ledger::Ledger;
use options::{HELP, Options, Settings};
use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// Whatever may go wrong on the way. It is only ever told.
type Failure = Box<dyn Error + Send + Sync>;

/// The command line asks for what does not exist.
const BAD_USAGE: u8 = 2;

fn main() -> ExitCode {
    let done = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Options::Help) => {
            // Whoever asks for help and closes the pipe has read enough.
            let _ = io::stdout().write_all(HELP.as_bytes());
            Ok(())
        }
        Ok(Options::Work(database)) => worker::work(database),
        Ok(Options::Show(settings)) => show(&settings),
        Err(complaint) => {
            let _ = write!(io::stderr(), "sqlite: {complaint}\n\n{HELP}");
            return ExitCode::from(BAD_USAGE);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            let _ = writeln!(io::stderr(), "sqlite: {complaint}");
            ExitCode::FAILURE
        }
    }
}

/// Crash after crash of the same database, and what each has left of it.
fn show(settings: &Settings) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("ledger.db");
    let mut out = io::stdout();
    report::head(&mut out)?;

    // Nothing may be lost by a later crash either.
    let mut acknowledged = BTreeSet::new();
    let mut known = 0;
    for number in 1..=settings.crashes {
        let crash = crash::crash(&database, settings.acks)?;
        for ack in &crash.acks {
            if !acknowledged.insert(ack.id) {
                return Err(format!("transfer {} was acknowledged twice", ack.id).into());
            }
        }
        let everything = acknowledged.clone();
        let audit = smol::block_on(async {
            let ledger = Ledger::open(database.clone()).await?;
            let audit = ledger.audit(everything).await?;
            ledger.close().await?;
            Ok::<_, Failure>(audit)
        })?;
        report::row(&mut out, number, &crash, &audit, audit.transfers - known)?;
        audit.verdict()?;
        known = audit.transfers;
    }
    report::foot(&mut out, acknowledged.len(), known)?;
    Ok(())
}
