//! A process that is killed while it logs: what was flushed is there, and how much of the rest is not is printed.
#![cfg(unix)]

mod util;

use aside::log::Writer;
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use util::process::{child, eventually, file, is_child, set_file};
use util::watchdog;

const LONG: Duration = Duration::from_secs(50);

/// What the child tells its parent, by memory that outlives it.
#[derive(Default)]
struct Told {
    logged: AtomicU64,
    flushed: AtomicU64,
}

fn told(path: &Path) -> &'static Told {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    file.set_len(size_of::<Told>() as u64).unwrap();
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: maps a file that is long enough at a place that the system chooses.
    let memory = unsafe {
        libc::mmap(std::ptr::null_mut(), size_of::<Told>(), rights, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    assert_ne!(memory, libc::MAP_FAILED);
    // SAFETY: zeroed by `set_len` or written as this, aligned to a page, never unmapped.
    unsafe { &*memory.cast::<Told>() }
}

fn log_on(pause: Duration) -> ! {
    let told = told(&file().with_extension("told"));
    let (log, _guard) = Writer::builder().append(file()).build().unwrap();
    for number in 0.. {
        log.write_record(format!("{number:099}\n").as_bytes()).unwrap();
        told.logged.store(number + 1, Ordering::Release);
        if number % 5_000 == 4_999 {
            log.flush_wait(LONG).unwrap();
            told.flushed.store(number + 1, Ordering::Release);
        }
        let begin = Instant::now();
        while begin.elapsed() < pause {
            std::hint::spin_loop();
        }
    }
    unreachable!()
}

fn kill_often(test: &str, rounds: u64, pause: Duration) {
    let _watchdog = watchdog();
    if is_child() {
        log_on(pause);
    }
    let mut all_lost = Vec::new();
    for round in 0..rounds {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("log");
        let told = told(&file.with_extension("told"));
        let mut process = set_file(&mut child(test), &file).spawn().unwrap();
        // Somewhere between two flushes.
        let when = 5_000 + 1_000 * (round % 5) + 137 * round;
        eventually("so much is logged", || told.logged.load(Ordering::Acquire) > when);
        process.kill().unwrap();
        process.wait().unwrap();
        let (logged, flushed) = (told.logged.load(Ordering::Acquire), told.flushed.load(Ordering::Acquire));
        let text = std::fs::read_to_string(&file).unwrap();
        // The last one may have been cut off.
        let whole = text.rfind('\n').map_or(0, |last| last + 1);
        let lines: Vec<&str> = text[..whole].lines().collect();
        assert!(lines.iter().enumerate().all(|(number, line)| line.parse() == Ok(number)));
        let written = lines.len() as u64;
        assert!(flushed > 0 && written >= flushed, "{flushed} flushed, {written} there");
        all_lost.push(logged.saturating_sub(written));
    }
    all_lost.sort_unstable();
    println!(
        "{test}: of what was not flushed, {} records (median) were lost, {} at most, in {rounds} rounds",
        all_lost[all_lost.len() / 2],
        all_lost[all_lost.len() - 1]
    );
}

#[test]
fn killed_in_a_flood() {
    kill_often("killed_in_a_flood", 20, Duration::ZERO);
}

#[test]
fn killed_while_it_logs_now_and_then() {
    kill_often("killed_while_it_logs_now_and_then", 10, Duration::from_micros(10));
}
