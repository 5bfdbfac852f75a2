//! Tasks write lines to the standard output, a pipe that another process drains and checks.
//!
//! The writer is a process of its own, and so is what it takes; its figures come by its standard error.

use super::Case;
use crate::child::repeated;
use aside_benches::child;
use aside_benches::figures::Figures;
use aside_benches::meter::metered;
use std::io::{self, Read};
use std::process::Stdio;
use std::sync::Arc;

const TASKS: usize = 8;
const TIMES: usize = 3;

// --- The writer. ---

/// Its lines, one behind the other, all of one length.
fn lines_of(task: usize, numbers: std::ops::Range<usize>) -> Vec<u8> {
    numbers.flat_map(|number| line(task, number).into_bytes()).collect()
}

/// 61 bytes.
fn line(task: usize, number: usize) -> String {
    format!("task {task} line {number:08}: the quick brown fox jumps over a dog\n")
}

/// Does not come back.
pub(crate) fn write(case: Case, quick: bool) -> ! {
    child::watch();
    let lines = case.size(quick);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
    let figures = repeated(TIMES, |time| {
        let each = lines / TASKS;
        let texts: Vec<_> =
            (0..TASKS).map(|task| Arc::new(lines_of(task, time * each..(time + 1) * each))).collect();
        metered(lines, |_| {
            runtime.block_on(async {
                let spawn = |text| match case {
                    Case::StdoutAside => tokio::spawn(through_aside(text)),
                    Case::StdoutTokio => tokio::spawn(through_tokio(text)),
                    other => unreachable!("{} writes no lines", other.name()),
                };
                let tasks: Vec<_> = texts.into_iter().map(spawn).collect();
                for task in tasks {
                    task.await.expect("it does not panic");
                }
            });
        })
    });
    eprintln!("{}", figures.to_json());
    std::process::exit(0);
}

async fn through_aside(text: Arc<Vec<u8>>) {
    use futures::io::AsyncWriteExt;
    let mut out = aside::io::stdout();
    for line in text.chunks(line(0, 0).len()) {
        out.write_all(line).await.expect("writes");
    }
    out.flush().await.expect("writes");
}

async fn through_tokio(text: Arc<Vec<u8>>) {
    use tokio::io::AsyncWriteExt;
    let mut out = tokio::io::stdout();
    for line in text.chunks(line(0, 0).len()) {
        out.write_all(line).await.expect("writes");
    }
    out.flush().await.expect("writes");
}

// --- The reader. ---

pub(super) fn run(case: Case, quick: bool) -> Figures {
    let lines = case.size(quick) * (TIMES + 1);
    let mut writer = child::command()
        .args(["--writer", case.name()])
        .args(quick.then_some("--quick"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program can be started");
    // Checked only when all is there, so that the writer need not wait for that. Not by zeros, so that its pages are there.
    let mut text = vec![1; lines * line(0, 0).len() * 2];
    let mut pipe = writer.stdout.take().expect("is a pipe");
    let length = drain(&mut pipe, &mut text).expect("reads");
    let told = writer.wait_with_output().expect("it ends");
    let told_text = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "the writer failed: {told_text}");
    let mut figures = Figures::from_json(&told_text).expect("the writer tells its figures");
    let found = Found::in_text(&text[..length]);
    figures.set("torn", found.torn as f64);
    figures.set("reordered", found.reordered as f64);
    figures.set("lost", lines as f64 - found.whole as f64);
    figures
}

fn drain(pipe: &mut impl Read, text: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    loop {
        match pipe.read(&mut text[length..])? {
            0 => return Ok(length),
            bytes => length += bytes,
        }
    }
}

#[derive(Default)]
struct Found {
    whole: usize,
    torn: usize,
    /// Behind one of the same task with a higher number.
    reordered: usize,
}

impl Found {
    fn in_text(text: &[u8]) -> Self {
        let mut found = Self::default();
        let mut next = [0; TASKS];
        for text in text.split_inclusive(|&byte| byte == b'\n') {
            match parse(text) {
                None => found.torn += 1,
                Some((task, number)) => {
                    found.whole += 1;
                    if number < next[task] {
                        found.reordered += 1;
                    }
                    next[task] = next[task].max(number + 1);
                }
            }
        }
        found
    }
}

/// If it is what a task has written, to the byte.
fn parse(text: &[u8]) -> Option<(usize, usize)> {
    let words = str::from_utf8(text).ok()?;
    let task = words.get(5..6)?.parse().ok().filter(|task| *task < TASKS)?;
    let number = words.get(12..20)?.parse().ok()?;
    (line(task, number) == words).then_some((task, number))
}
