//! A log in several files of a limited size: the writer's sink is a crate that rotates files. No record is split over two of them, as the drain
//! hands over whole records, and the crate goes on to the next file between two calls.
//!
//! The other way is `Writer::reopen`, for files that something else renames, as logrotate does.
//!
//! Run: `cargo run --release --example log_rotation`

use aside::log::Writer;
use file_rotate::compression::Compression;
use file_rotate::suffix::AppendCount;
use file_rotate::{ContentLimit, FileRotate};
use std::path::Path;
use std::time::Duration;
use std::{fs, io, thread};

/// To be surpassed by one batch of records at most (64 KiB).
const FILE_BYTES: usize = 1_000_000;
const OLD_FILES: usize = 20;

/// `path` is being written, `path.1` is the one before it, and so on.
fn rotating(path: &Path) -> FileRotate<AppendCount> {
    // Not `Bytes`, which cuts at the very byte.
    let limit = ContentLimit::BytesSurpassed(FILE_BYTES);
    FileRotate::new(path, AppendCount::new(OLD_FILES), limit, Compression::None, None)
}

fn main() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("log");
    let (log, guard) = Writer::builder().sink(rotating(&path)).build()?;
    thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..20_000 {
                    log.write_record(
                        format!("thread {thread}, record {number:>6}, {:>60}\n", "the end").as_bytes(),
                    )?;
                }
                io::Result::Ok(())
            });
        }
    });
    let report = guard.close(Duration::from_secs(10));
    println!("{report}");

    // The oldest first.
    let old = (1..=OLD_FILES).rev().map(|number| dir.path().join(format!("log.{number}")));
    let mut records = 0;
    for path in old.filter(|path| path.exists()).chain([path.clone()]) {
        let text = fs::read_to_string(&path)?;
        let lines = text.lines().count();
        let whole =
            text.lines().filter(|line| line.starts_with("thread ") && line.ends_with("the end")).count();
        assert_eq!(lines, whole, "a record is split");
        println!(
            "{:>8} bytes, {lines:>6} records: {}",
            text.len(),
            path.file_name().unwrap_or_default().to_string_lossy()
        );
        records += whole;
    }
    assert_eq!(records, 80_000);
    println!("no record is split, and none is missing");
    Ok(())
}
