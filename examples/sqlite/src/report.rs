//! What is told.

use crate::crash::{Crash, Runtime};
use crate::ledger::Audit;
use crate::worker::TASKS;
use std::io::{self, Write};

pub(crate) fn head(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "one SQLite connection on a lane, {TASKS} tasks in tokio and {TASKS} in smol;")?;
    writeln!(
        out,
        "write-ahead log, synchronous=FULL; each transaction writes two rows; the worker dies of SIGKILL"
    )?;
    writeln!(out)?;
    writeln!(
        out,
        "{:>5}  {:>12}  {:>12}  {:>9}  {:>12}  {:>8}  {:>4}  {:>12}  integrity",
        "crash",
        "acknowledged",
        "tokio / smol",
        "committed",
        "not yet told",
        "log left",
        "lost",
        "half-written",
    )
}

/// `committed` are the transactions that this worker has left, acknowledged or not.
pub(crate) fn row(
    out: &mut impl Write,
    number: usize,
    crash: &Crash,
    audit: &Audit,
    committed: usize,
) -> io::Result<()> {
    let acknowledged = crash.acks.len();
    let by_tokio = crash.acks.iter().filter(|ack| ack.runtime == Runtime::Tokio).count();
    writeln!(
        out,
        "{:>5}  {:>12}  {:>12}  {:>9}  {:>12}  {:>4} KiB  {:>4}  {:>12}  {}",
        number,
        acknowledged,
        format!("{by_tokio} / {}", acknowledged - by_tokio),
        committed,
        committed.saturating_sub(acknowledged),
        crash.log_bytes / 1024,
        audit.missing.len(),
        audit.half_written.len(),
        audit.integrity,
    )
}

pub(crate) fn foot(out: &mut impl Write, acknowledged: usize, committed: usize) -> io::Result<()> {
    writeln!(out)?;
    writeln!(
        out,
        "all {acknowledged} acknowledged transactions are there, among {committed}, each with both rows"
    )
}
