//! Lines that somebody else wrote: a file, or stdin.

use crate::os;
use crate::outlet::{Outlet, Scribe, Way};
use crate::run::{Conditions, Run, Section};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// A phase ends after so many lines,
const LINES_PER_PHASE: u64 = 1_000;
/// or so many bytes, which bounds what is in memory at a time to this and one line.
const BYTES_PER_PHASE: usize = 1024 * 1024;

pub(crate) struct Input {
    name: String,
    reader: Box<dyn BufRead>,
}

impl Input {
    pub(crate) fn stdin() -> Self {
        Self { name: "stdin".to_owned(), reader: Box::new(io::stdin().lock()) }
    }

    /// Opens a file, other than the one being written to, which would never come to an end.
    pub(crate) fn open(path: &Path, output: &File) -> Result<Self, String> {
        let name = path.display().to_string();
        let complain = |error| format!("cannot read {name}: {error}");
        let file = File::open(path).map_err(complain)?;
        if os::is_same_file(&file, output).map_err(complain)? {
            return Err(format!("{name} is both the input and the output"));
        }
        Ok(Self { name, reader: Box::new(BufReader::with_capacity(64 * 1024, file)) })
    }

    /// Logs every line, from this thread, as it comes. The error says that the input cannot be read.
    pub(crate) fn log(&mut self, outlet: &Outlet) -> (Section, Result<(), String>) {
        let mut run = Run::new(outlet);
        let mut scribe = Scribe::new(outlet);
        let mut result = Ok(More::Yes);
        for phase in 0.. {
            let way = Way::of_phase(phase);
            result = run.phase(way, || self.log_some(way, &mut scribe));
            if !matches!(result, Ok(More::Yes)) {
                break;
            }
        }
        run.add(&scribe.into_meters());
        let result = result.map(drop).map_err(|error| format!("cannot read {}: {error}", self.name));
        (run.finish(Conditions::AsItIs), result)
    }

    /// One phase. Returns how many lines it logged, too.
    fn log_some(&mut self, way: Way, scribe: &mut Scribe<'_>) -> (u64, io::Result<More>) {
        let mut line = Vec::new();
        let mut bytes = 0;
        for lines in 0..LINES_PER_PHASE {
            line.clear();
            let read = read_line(&mut self.reader, &mut line);
            if read.is_err() || line.is_empty() || scribe.log(way, &line).is_err() {
                return (lines, read.map(|()| More::No));
            }
            bytes += line.len();
            if bytes >= BYTES_PER_PHASE {
                return (lines + 1, Ok(More::Yes));
            }
        }
        (LINES_PER_PHASE, Ok(More::Yes))
    }
}

enum More {
    Yes,
    No,
}

/// A line with its newline, if it has one: the last may not. Nothing at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    loop {
        match reader.read_until(b'\n', line) {
            // A terminal that another program has made non-blocking. What was read so far is in `line`.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
            result => return result.map(drop),
        }
    }
}
