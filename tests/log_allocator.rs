//! An allocator that logs. A file of its own, as it has an allocator of its own.
#![cfg(target_os = "linux")]

mod util;

use aside::log::{Overflow, Writer};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::OpenOptions;
use std::process::exit;
use std::sync::OnceLock;
use std::thread;
use util::process::{ended_by, file, in_child};
use util::sink::Sink;
use util::watchdog;

thread_local! {
    /// The allocator is at it, and so does not log what it allocates for that.
    static LOGS: Cell<bool> = const { Cell::new(false) };
    /// What this thread wants of it.
    static WANTED: Cell<Option<fn()>> = const { Cell::new(None) };
}

static LOG: OnceLock<Writer> = OnceLock::new();

struct Allocator;

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(wanted) = WANTED.get() {
            if !LOGS.replace(true) {
                wanted();
                LOGS.set(false);
            }
        }
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn log_it() {
    let _ = LOG.get().unwrap().write_record(b"allocated\n");
}

/// Runs when the thread's ring is given back already.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        let long = vec![b'x'; 200_000];
        WANTED.set(Some(log_it));
        LOG.get().unwrap().write_record(&long).unwrap();
        WANTED.set(None);
    }
}

thread_local! {
    static LAST: Last = const { Last };
}

/// It is copied, and what the allocator says of that goes by the same ring.
#[test]
fn a_long_record_by_the_common_ring() {
    in_child(
        "a_long_record_by_the_common_ring",
        |_| (),
        || {
            let _watchdog = watchdog();
            let sink = Sink::new();
            let (log, guard) = Writer::builder().sink(sink.clone()).build().unwrap();
            assert!(LOG.set(log).is_ok());
            thread::spawn(|| {
                LAST.with(|_| ());
                LOG.get().unwrap().write_record(b"first\n").unwrap();
            })
            .join()
            .unwrap();
            assert!(guard.close(std::time::Duration::from_secs(50)).is_complete);
            assert!(sink.text().contains("allocated"));
            assert_eq!(sink.text().matches('x').count(), 200_000);
        },
    );
}

/// As other threads may do while a long record is copied.
fn fill_it() {
    while LOG.get().unwrap().write_record_with(b"y", Overflow::DropNewest).is_ok() {}
}

/// Where the oldest records make room, it has its place, however fast others are.
#[test]
fn a_long_record_while_others_fill_the_common_ring() {
    in_child(
        "a_long_record_while_others_fill_the_common_ring",
        |_| (),
        || {
            let _watchdog = watchdog();
            let sink = Sink::new();
            let stopped = sink.stop();
            let builder = Writer::builder().budget(0).overflow(Overflow::DropOldest).sink(sink.clone());
            let (log, guard) = builder.build().unwrap();
            assert!(LOG.set(log).is_ok());
            let log = LOG.get().unwrap();
            log.write_record(b"first\n").unwrap();
            stopped.until_there();
            let long = vec![b'x'; 200_000];
            WANTED.set(Some(fill_it));
            log.write_record(&long).unwrap();
            WANTED.set(None);
            stopped.go_on();
            assert!(guard.close(std::time::Duration::from_secs(50)).is_complete);
            assert_eq!(sink.written().iter().filter(|byte| **byte == b'x').count(), 200_000);
        },
    );
}

/// Amid a record: this thread's rings are in use then, as its exit comes to give them back.
#[test]
fn an_allocator_that_exits() {
    let ended = ended_by("an_allocator_that_exits", 7, || {
        let file = OpenOptions::new().create(true).append(true).open(file()).unwrap();
        let (log, guard) = Writer::builder().sink(file).build().unwrap();
        assert!(LOG.set(log).is_ok());
        std::mem::forget(guard);
        let log = LOG.get().unwrap();
        log.write_record(b"before\n").unwrap();
        WANTED.set(Some(|| {
            log_it();
            exit(7);
        }));
        let _ = log.write_record(&[b'x'; 300_000]);
    });
    if let Some(ended) = ended {
        assert_eq!(ended.text, "before\nallocated\n");
    }
}
