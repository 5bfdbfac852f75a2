//! Sinks that go on to another file between two calls: no record is split over two.

mod util;

use aside::log::{Order, Overflow, Writer};
use file_rotate::compression::Compression;
use file_rotate::suffix::AppendCount;
use file_rotate::{ContentLimit, FileRotate};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use util::watchdog;

const LONG: Duration = Duration::from_secs(50);
const THREADS: usize = 4;
const EACH: usize = 5_000;

/// As long as the ring, at times, and so told another way.
fn record(thread: usize, number: usize) -> String {
    format!("{thread} {number} {}\n", "x".repeat(number * 7 % 3_000))
}

fn flood(log: &Writer) {
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                (0..EACH).for_each(|number| log.write_record(record(thread, number).as_bytes()).unwrap());
            });
        }
    });
}

#[track_caller]
fn assert_whole(files: &[String]) {
    let mut next = [0; THREADS];
    for text in files {
        for line in text.split_inclusive('\n') {
            let mut words = line.split(' ');
            let (thread, number) = (words.next().unwrap(), words.next().unwrap());
            let (thread, number) = (thread.parse().unwrap(), number.parse().unwrap());
            assert_eq!(line, record(thread, number), "split");
            assert_eq!(number, next[thread]);
            next[thread] += 1;
        }
    }
    assert_eq!(next, [EACH; THREADS]);
}

#[test]
fn a_crate_that_rotates_files() {
    let _watchdog = watchdog();
    const OLD: usize = 1_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let limit = ContentLimit::BytesSurpassed(100_000);
    let sink = FileRotate::new(&path, AppendCount::new(OLD), limit, Compression::None, None);
    let (log, guard) = Writer::builder().capacity(1 << 14).sink(sink).build().unwrap();
    flood(&log);
    assert!(guard.close(LONG).is_complete);
    let old = (1..=OLD).rev().map(|number| dir.path().join(format!("log.{number}")));
    let files: Vec<String> = old
        .filter(|path| path.exists())
        .chain([path.clone()])
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert!(files.len() > 100, "{}", files.len());
    assert_whole(&files);
}

/// A file for each call.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<String>>>);

impl Write for Calls {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn each_call_gets_whole_records() {
    let _watchdog = watchdog();
    for (order, overflow, capacity) in [
        (Order::Causal, Overflow::Block, 1024),
        (Order::Causal, Overflow::Block, 1 << 16),
        (Order::PerThread, Overflow::Block, 1 << 14),
        // So large that nothing is dropped, even if one thread takes the ring of another.
        (Order::Causal, Overflow::DropOldest, 1 << 25),
    ] {
        let calls = Calls::default();
        let builder = Writer::builder().order(order).overflow(overflow).capacity(capacity);
        let (log, guard) = builder.sink(calls.clone()).build().unwrap();
        flood(&log);
        assert_eq!(guard.close(LONG).dropped, 0);
        let calls = calls.0.lock().unwrap();
        for call in &*calls {
            assert!(call.ends_with('\n'), "a call ends in the middle of a record");
        }
        assert_whole(&calls);
    }
}
