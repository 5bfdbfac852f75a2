//! Killing the worker in the middle of its work.

use crate::Failure;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A worker that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One transaction that the worker says it has committed.
pub(crate) struct Ack {
    pub(crate) id: i64,
    pub(crate) runtime: Runtime,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    Tokio,
    Smol,
}

/// A worker that was killed.
pub(crate) struct Crash {
    /// What it had acknowledged. Also what was still in the pipe when it was killed.
    pub(crate) acks: Vec<Ack>,
    /// How much of the write-ahead log it left to be read by the next one.
    pub(crate) log_bytes: u64,
}

/// Lets a worker work until it has acknowledged as many transactions, and kills it.
pub(crate) fn crash(database: &Path, acks_before: usize) -> Result<Crash, Failure> {
    let mut worker = Worker::start(database)?;
    let lines = lines_of(worker.out.take().ok_or("the worker has no stdout")?);

    let mut acks = Vec::new();
    while acks.len() < acks_before {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => acks.push(Ack::parse(&line?)?),
            Err(mpsc::RecvTimeoutError::Timeout) => return Err("the worker hangs".into()),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(format!("the worker has ended by itself: {}", worker.child.wait()?).into());
            }
        }
    }
    // Here is the crash. SIGKILL cannot be caught: no destructor runs, nothing is flushed.
    worker.child.kill()?;
    let status = worker.child.wait()?;
    if !was_killed(status) {
        return Err(format!("the worker was quicker than the signal: {status}").into());
    }
    // What it had written by then counts as well.
    for line in lines {
        acks.push(Ack::parse(&line?)?);
    }
    let log = database.with_extension("db-wal");
    let log_bytes = fs::metadata(log).map_or(0, |log| log.len());
    Ok(Crash { acks, log_bytes })
}

/// Ends with this one, whatever happens here.
struct Worker {
    child: Child,
    out: Option<ChildStdout>,
}

impl Worker {
    fn start(database: &Path) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--worker").arg(database).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let out = child.stdout.take();
        Ok(Self { child, out })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself, or been killed and waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The complete lines. A last one without its end was not acknowledged: the worker was killed while it wrote.
fn lines_of(out: ChildStdout) -> mpsc::Receiver<io::Result<String>> {
    let (send, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut out = BufReader::new(out);
        loop {
            let mut line = String::new();
            let told = match out.read_line(&mut line) {
                Ok(_) if line.ends_with('\n') => send.send(Ok(line)),
                Ok(_) => return,
                Err(error) => send.send(Err(error)),
            };
            if told.is_err() {
                return;
            }
        }
    });
    lines
}

impl Ack {
    fn parse(line: &str) -> Result<Self, Failure> {
        let cannot = || format!("this is no acknowledgement: {line:?}");
        let (id, runtime) = line.trim_end().split_once(' ').ok_or_else(cannot)?;
        let runtime = match runtime {
            "tokio" => Runtime::Tokio,
            "smol" => Runtime::Smol,
            _ => return Err(cannot().into()),
        };
        Ok(Self { id: id.parse().map_err(|_| cannot())?, runtime })
    }
}

#[cfg(unix)]
fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    const SIGKILL: i32 = 9;
    status.signal() == Some(SIGKILL)
}

#[cfg(not(unix))]
fn was_killed(status: ExitStatus) -> bool {
    !status.success()
}
