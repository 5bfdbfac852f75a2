//! One file, copied in several ways.

use crate::{copy, progress};
use aside::io::Offloaded;
use aside::{Group, offload};
use futures::executor::block_on;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MEGABYTE: usize = 1024 * 1024;
/// Each way's time is the median of these.
const ROUNDS: usize = 3;
/// What the plain loop reads at a time; as much as an `Offloaded` does once it is at full speed.
const BUFFER: usize = 256 * 1024;

#[derive(Clone, Copy)]
enum Way {
    Offloaded,
    PlainLoop,
    StdCopy,
}

impl Way {
    const ALL: [Way; 3] = [Way::Offloaded, Way::PlainLoop, Way::StdCopy];

    fn name(self) -> &'static str {
        match self {
            Way::Offloaded => "io::Offloaded on both sides, async",
            Way::PlainLoop => "read and write in a loop, blocking",
            Way::StdCopy => "std::io::copy, blocking",
        }
    }

    fn copy(self, from: &Path, to: &Path) -> io::Result<()> {
        match self {
            Way::Offloaded => block_on(offloaded(from.to_owned(), to.to_owned())),
            Way::PlainLoop => plain_loop(from, to),
            Way::StdCopy => io::copy(&mut File::open(from)?, &mut File::create(to)?).map(drop),
        }
    }
}

pub(crate) fn run(megabytes: usize) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let from = folder.path().join("from");
    make(&from, megabytes)?;

    let mut times = Way::ALL.map(|_| Vec::new());
    for round in 0..ROUNDS {
        for step in 0..Way::ALL.len() {
            // Each is first once.
            let turn = (round + step) % Way::ALL.len();
            let to = folder.path().join("to");
            let begun = Instant::now();
            Way::ALL[turn].copy(&from, &to)?;
            times[turn].push(begun.elapsed());
            if !are_equal(&from, &to)? {
                return Err(io::Error::other(format!("not the same bytes: {}", Way::ALL[turn].name())));
            }
            fs::remove_file(to)?;
        }
    }
    report(megabytes, times.map(median))
}

/// Bytes that no file system stores as something shorter.
fn make(path: &Path, megabytes: usize) -> io::Result<()> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut file = File::create(path)?;
    let mut bytes = vec![0; MEGABYTE];
    for _ in 0..megabytes {
        random.fill(&mut bytes);
        file.write_all(&bytes)?;
    }
    Ok(())
}

async fn offloaded(from: PathBuf, to: PathBuf) -> io::Result<()> {
    let source = offload(move || File::open(from)).await?;
    let target = offload(move || File::create(to)).await?;
    let mut source = Offloaded::new(source);
    let length = source.with(|file| file.metadata()).await??.len();
    let bar = progress::bar(Some(length));
    let copied = copy::copy(source, Offloaded::new(target), |bytes| bar.inc(bytes)).await;
    bar.finish_and_clear();
    match copied {
        Ok(_) => Ok(()),
        Err(copy::Error::Read(error) | copy::Error::Write(error)) => Err(error),
    }
}

fn plain_loop(from: &Path, to: &Path) -> io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            read => to.write_all(&buffer[..read])?,
        }
    }
}

fn are_equal(one: &Path, other: &Path) -> io::Result<bool> {
    let open = |path| File::open(path).map(|file| BufReader::with_capacity(BUFFER, file));
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        let (ours, theirs) = (one.fill_buf()?, other.fill_buf()?);
        let both = ours.len().min(theirs.len());
        if both == 0 || ours[..both] != theirs[..both] {
            return Ok(ours.is_empty() && theirs.is_empty());
        }
        one.consume(both);
        other.consume(both);
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn report(megabytes: usize, times: [Duration; Way::ALL.len()]) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{megabytes} MiB from file to file, the same bytes each time; medians of {ROUNDS}\n")?;
    writeln!(out, "{:36}  {:>8}  {:>8}", "", "time", "MiB/s")?;
    for (way, time) in Way::ALL.into_iter().zip(times) {
        let speed = megabytes as f64 / time.as_secs_f64();
        writeln!(out, "{:36}  {:>5} ms  {speed:>8.0}", way.name(), time.as_millis())?;
    }
    let threads = Group::global().stats().peak_threads;
    writeln!(out, "\nThe first one reads and writes on offload threads, of which there were {threads}.")?;
    writeln!(
        out,
        "On Linux, std::io::copy has the kernel copy (copy_file_range, sendfile): no byte passes through the program."
    )
}
