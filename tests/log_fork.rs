//! A forked child writes its own records, once, and none of its parent's.
#![cfg(unix)]

mod util;

use aside::log::{WriteError, Writer};
use std::time::Duration;
use util::fork::{alone, forked_with};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn each_process_writes_its_own() {
    alone("each_process_writes_its_own", || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (log, guard) = Writer::builder().append(file.path()).build().unwrap();
        for n in 0..100 {
            log.write_record(format!("parent {n}\n").as_bytes()).unwrap();
        }
        // Some of these may still be in the ring.
        let (log, guard) = forked_with((log, guard), |(log, guard)| {
            for n in 0..100 {
                log.write_record(format!("child {n}\n").as_bytes()).unwrap();
            }
            log.flush_wait(LONG).unwrap();
            log.write_record(b"child's last\n").unwrap();
            let report = guard.close(LONG);
            assert!(report.is_complete && report.written == 101, "{report}");
        });
        log.write_record(b"parent's last\n").unwrap();
        assert_eq!(guard.close(LONG).written, 101);
        let all = std::fs::read_to_string(file.path()).unwrap();
        for name in ["parent", "child"] {
            let mut expected: Vec<String> = (0..100).map(|n| format!("{name} {n}")).collect();
            expected.push(format!("{name}'s last"));
            let lines: Vec<&str> = all.lines().filter(|line| line.starts_with(name)).collect();
            assert_eq!(lines, expected);
        }
    });
}

#[test]
fn a_sink_that_is_no_descriptor_stays_with_the_parent() {
    alone("a_sink_that_is_no_descriptor_stays_with_the_parent", || {
        let (log, guard) = Writer::builder().sink(std::io::sink()).build().unwrap();
        log.write_record(b"parent\n").unwrap();
        let (log, guard) = forked_with((log, guard), |(log, guard)| {
            assert!(matches!(log.write_record(b"child\n"), Err(WriteError::Forked)));
            assert!(guard.close(LONG).is_complete);
        });
        log.write_record(b"parent\n").unwrap();
        assert_eq!(guard.close(LONG).written, 2);
    });
}
