//! Writes into a pipe and a file, reads both back, and looks at every line.

use crate::crew::{self, LINES_EACH, THREADS};
use crate::os;
use crate::outlet::Outlet;
use crate::run::Report;
use crate::table::grouped;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::thread;

pub(crate) fn check() -> Result<(), (u8, String)> {
    let mut all_right = true;
    for (name, back) in [("pipe", through_pipe()), ("file", through_file())] {
        let (report, bytes) = back.map_err(|error| (1, format!("--check with a {name}: {error}")))?;
        for (right, what) in verdicts(&report, &Findings::of(&bytes)) {
            all_right &= right;
            let word = if right { "ok" } else { "FAILED" };
            // The exit code tells as well.
            let _ = writeln!(io::stdout(), "{name}: {word:<6}  {what}");
        }
    }
    if all_right { Ok(()) } else { Err((1, "--check: not every line came through".to_owned())) }
}

fn through_pipe() -> io::Result<(Report, Vec<u8>)> {
    let (mut reader, writer) = os::pipe()?;
    thread::scope(|scope| {
        let read = thread::Builder::new().spawn_scoped(scope, move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map(|_| bytes)
        })?;
        // Everything that holds the writing end is gone when this returns, or soon after.
        let report = write_into(writer)?;
        let bytes = read.join().expect("reading does not panic")?;
        Ok((report, bytes))
    })
}

fn through_file() -> io::Result<(Report, Vec<u8>)> {
    let mut file = tempfile::tempfile()?;
    let report = write_into(file.try_clone()?)?;
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok((report, bytes))
}

fn write_into(file: File) -> io::Result<Report> {
    let outlet = Outlet::new(file)?;
    let sections = crew::log(&outlet)?;
    Ok(Report { sections, stop: outlet.finish() })
}

/// What is found when looking at the lines that came out.
#[derive(Default)]
struct Findings {
    /// Different lines, each as it was logged.
    whole: usize,
    /// Lines that nobody logged like that.
    broken: usize,
    repeated: usize,
    /// Lines that came out after a later line of the same thread.
    out_of_order: usize,
}

impl Findings {
    fn of(bytes: &[u8]) -> Self {
        let mut findings = Findings::default();
        let mut seen = vec![[false; LINES_EACH]; THREADS];
        let mut next = [0; THREADS];
        let mut expected = Vec::new();
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let Some((thread, number)) = numbers(line).filter(|&(thread, number)| {
                crew::line(thread, number, &mut expected);
                expected == line
            }) else {
                findings.broken += 1;
                continue;
            };
            if std::mem::replace(&mut seen[thread][number], true) {
                findings.repeated += 1;
                continue;
            }
            findings.whole += 1;
            if number < next[thread] {
                findings.out_of_order += 1;
            } else {
                next[thread] = number + 1;
            }
        }
        findings
    }
}

/// The numbers of the thread and of the line, if they are those of a line that was logged.
fn numbers(line: &[u8]) -> Option<(usize, usize)> {
    let line = std::str::from_utf8(line).ok()?;
    let (thread, line) = line.strip_prefix("thread ")?.split_once(" line ")?;
    let (thread, number) = (thread.parse().ok()?, line.split_once(' ')?.0.parse().ok()?);
    (thread < THREADS && number < LINES_EACH).then_some((thread, number))
}

fn verdicts(report: &Report, found: &Findings) -> [(bool, String); 5] {
    let all = THREADS * LINES_EACH;
    let n = |number: usize| grouped(number as u64);
    let stop = report.stop.as_ref().map_or(String::new(), |error| format!("; writing stopped: {error}"));
    let accepted = report.accepted();
    [
        (
            accepted == all as u64 && report.stop.is_none(),
            format!("{} of {} records taken{stop}", grouped(accepted), n(all)),
        ),
        (report.lost() == 0, format!("{} records lost", grouped(report.lost()))),
        (found.whole == all, format!("{} of {} lines came out", n(found.whole), n(all))),
        (
            found.broken == 0 && found.repeated == 0,
            format!("{} lines torn or mixed, {} repeated", n(found.broken), n(found.repeated)),
        ),
        (
            found.out_of_order == 0,
            format!("{} lines out of order, of those of the same thread", n(found.out_of_order)),
        ),
    ]
}
