//! A file that may not grow any further, for real, until it may.
#![cfg(target_os = "linux")]

mod util;

use aside::log::{Reaction, Writer};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use util::fork::alone;
use util::process::{eventually, limit_files};

const LONG: Duration = Duration::from_secs(50);
const LIMIT: u64 = 1 << 20;
const RECORDS: usize = 20_000;

fn record(number: usize) -> String {
    format!("{number:0100}\n")
}

fn full_disk(reaction: Reaction) -> (Writer, aside::log::Guard, tempfile::NamedTempFile, Arc<AtomicUsize>) {
    limit_files(Some(LIMIT));
    let file = tempfile::NamedTempFile::new().unwrap();
    let errors = Arc::new(AtomicUsize::new(0));
    let count = errors.clone();
    let builder = Writer::builder().capacity(1 << 16).append(file.path()).on_error(move |error, _| {
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        count.fetch_add(1, Ordering::Relaxed);
        reaction
    });
    let (log, guard) = builder.build().unwrap();
    (log, guard, file, errors)
}

#[test]
fn who_waits_loses_nothing() {
    alone("who_waits_loses_nothing", || {
        let (log, guard, file, errors) = full_disk(Reaction::Retry);
        let logging = std::thread::spawn(move || {
            (0..RECORDS).for_each(|number| log.write_record(record(number).as_bytes()).unwrap());
        });
        eventually("it is tried again", || errors.load(Ordering::Relaxed) > 3);
        assert_eq!(file.as_file().metadata().unwrap().len(), LIMIT);
        limit_files(None);
        logging.join().unwrap();
        let report = guard.close(LONG);
        assert!(report.is_complete);
        assert_eq!((report.written, report.lost), (RECORDS as u64, 0));
        let expected: String = (0..RECORDS).map(record).collect();
        assert!(std::fs::read_to_string(file.path()).unwrap() == expected);
    });
}

#[test]
fn who_does_not_wait_has_lines_that_are_whole_or_missing_but_for_one() {
    alone("who_does_not_wait_has_lines_that_are_whole_or_missing_but_for_one", || {
        let (log, guard, file, _) = full_disk(Reaction::Drop);
        for number in 0..RECORDS {
            log.write_record(record(number).as_bytes()).unwrap();
        }
        log.flush_wait(LONG).unwrap();
        assert_eq!(file.as_file().metadata().unwrap().len(), LIMIT);
        limit_files(None);
        (RECORDS..2 * RECORDS).for_each(|number| log.write_record(record(number).as_bytes()).unwrap());
        let report = guard.close(LONG);
        assert!(report.is_complete && report.lost > 0);
        assert_eq!(report.written + report.lost, 2 * RECORDS as u64);
        let text = std::fs::read_to_string(file.path()).unwrap();
        let (whole, torn): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.len() == 100);
        assert_eq!(whole.len() as u64, report.written);
        assert!(torn.len() <= 1, "{torn:?}");
        let numbers: Vec<usize> = whole.iter().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.is_sorted());
        // All that was logged after there was room again is there.
        let after = numbers.iter().filter(|number| **number >= RECORDS).count();
        assert_eq!(after, RECORDS);
    });
}
