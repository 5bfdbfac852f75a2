//! Sinks that are slow, full, gone, or misbehave.
#![cfg(unix)]

mod util;

use aside::Group;
use aside::log::{FlushError, Overflow, Reaction, WriteError, Writer};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;
use util::sink::{Scripted, Sink, held_by};
use util::{Gate, watchdog};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_closed_pipe_ends_the_writer_and_blocks_nobody() {
    let _watchdog = watchdog();
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let (log, guard) = Writer::builder().capacity(1024).fd(writer).build().unwrap();
    drop(reader);
    let error = loop {
        if let Err(error) = log.write_record(b"to nobody\n") {
            break error;
        }
    };
    match error {
        WriteError::Broken(error) => assert_eq!(error.kind(), io::ErrorKind::BrokenPipe),
        other => panic!("{other:?}"),
    }
    assert!(matches!(log.flush_wait(LONG), Err(FlushError::Broken(_))));
    let report = guard.close(LONG);
    assert!(report.error.is_some());
    assert_eq!(report.written, 0);
    assert!(!report.is_complete);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_drops_and_tells() {
    let _watchdog = watchdog();
    let errors = Arc::new(AtomicUsize::new(0));
    let seen = errors.clone();
    let builder = Writer::builder().append("/dev/full").on_error(move |error, attempt| {
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        seen.fetch_add(1, Ordering::Relaxed);
        if attempt < 3 { Reaction::Retry } else { Reaction::Drop }
    });
    let (log, guard) = builder.build().unwrap();
    for _ in 0..1_000 {
        log.write_record(b"into the void\n").unwrap();
    }
    log.flush_wait(LONG).unwrap();
    assert!(errors.load(Ordering::Relaxed) >= 3);
    let report = guard.close(LONG);
    assert_eq!((report.written, report.lost), (0, 1_000));
}

#[test]
fn a_non_blocking_pipe_is_waited_for() {
    let _watchdog = watchdog();
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let (log, guard) = Writer::builder().fd(writer).build().unwrap();
    let read = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        let mut all = String::new();
        std::fs::File::from(reader).read_to_string(&mut all).unwrap();
        all
    });
    for n in 0..20_000 {
        log.write_record(format!("record {n}\n").as_bytes()).unwrap();
    }
    assert!(guard.close(LONG).is_complete);
    drop(log);
    let all = read.join().unwrap();
    assert!(all.lines().enumerate().all(|(n, line)| line == format!("record {n}")));
    assert_eq!(all.lines().count(), 20_000);
}

/// Also one that is longer than the ring takes.
#[test]
fn a_torn_record_is_ended_before_the_next() {
    torn(b"first\n");
    torn(&[&b"first "[..], &[b'x'; 1_000]].concat());
}

fn torn(first: &[u8]) {
    let _watchdog = watchdog();
    let out = Arc::new(Mutex::new(Vec::new()));
    let shelf = out.clone();
    let mut calls = 0;
    let sink = Scripted(move |bytes: &[u8]| {
        calls += 1;
        let taken = match calls {
            1 => 3,
            2 => return Err(io::Error::other("for once")),
            _ => bytes.len(),
        };
        shelf.lock().unwrap().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    });
    let (log, guard) =
        Writer::builder().capacity(1024).sink(sink).on_error(|_, _| Reaction::Drop).build().unwrap();
    log.write_record(first).unwrap();
    log.flush_wait(LONG).unwrap();
    log.write_record(b"second\n").unwrap();
    let report = guard.close(LONG);
    assert_eq!((report.written, report.lost), (1, 1));
    assert_eq!(*out.lock().unwrap(), b"fir\nsecond\n");
}

#[test]
fn a_panic_of_the_sink_breaks_the_writer() {
    let _watchdog = watchdog();
    util::hush();
    let (log, guard) =
        Writer::builder().sink(Scripted(|_: &[u8]| util::expected_panic("a sink"))).build().unwrap();
    let _ = log.write_record(b"1\n");
    assert!(matches!(log.flush_wait(LONG), Err(FlushError::Broken(_))));
    assert!(matches!(log.write_record(b"2\n"), Err(WriteError::Broken(_))));
    assert!(guard.close(LONG).error.is_some());
}

/// What panics is named.
#[test]
fn a_panic_of_a_callback_breaks_the_writer() {
    let _watchdog = watchdog();
    util::hush();
    let failing = || Scripted(|_: &[u8]| Err(io::Error::other("always")));
    let builder = Writer::builder().on_error(|_, _| util::expected_panic("on_error")).sink(failing());
    let (log, guard) = builder.build().unwrap();
    let _ = log.write_record(b"1\n");
    match log.flush_wait(LONG) {
        Err(FlushError::Broken(error)) => assert_eq!(error.to_string(), "the log's `on_error` panicked"),
        other => panic!("{other:?}"),
    }
    assert!(guard.close(LONG).error.is_some());

    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        let builder = Writer::builder().capacity(1024).overflow(overflow);
        let builder = builder.on_drop(|_| util::expected_panic("on_drop")).sink(io::sink());
        let (log, guard) = builder.build().unwrap();
        let error = loop {
            match log.write_record(&[b'x'; 100]) {
                Err(WriteError::Broken(error)) => break error,
                Ok(()) | Err(WriteError::Full) => {}
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(error.to_string(), "the log's `on_drop` panicked");
        assert!(guard.close(LONG).error.is_some());
    }
}

#[test]
fn the_sink_may_log() {
    let _watchdog = watchdog();
    let log: Arc<OnceLock<Writer>> = Arc::default();
    let inner = log.clone();
    let mut said = 0;
    let sink = Scripted(move |bytes: &[u8]| {
        if said < 5_000 {
            said += 1;
            let log = inner.get().unwrap();
            let _ = log.write_record(&[b'x'; 200]);
            assert!(matches!(log.flush_wait(LONG), Err(FlushError::Inside)));
        }
        Ok(bytes.len())
    });
    let (writer, guard) = Writer::builder().capacity(1024).sink(sink).build().unwrap();
    log.set(writer.clone()).unwrap();
    for _ in 0..5_000 {
        writer.write_record(&[b'y'; 200]).unwrap();
    }
    assert!(guard.close(LONG).is_complete);
}

#[test]
fn a_guard_waits_until_its_deadline_and_no_longer() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let (log, guard) = Writer::builder().sink(held_by(&gate)).build().unwrap();
    log.write_record(b"stuck\n").unwrap();
    assert!(matches!(log.flush_wait(Duration::from_millis(20)), Err(FlushError::TimedOut)));
    let report = guard.close(Duration::from_millis(20));
    assert!(!report.is_complete && report.written == 0, "{report}");
    assert!(matches!(log.write_record(b"late\n"), Err(WriteError::Closed)));
    gate.open();
    util::process::eventually("it goes on", || log.stats().written == 1);
}

#[test]
fn a_thread_that_waits_for_room_is_let_go_when_the_writer_is_closed() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let (log, guard) = Writer::builder().capacity(1024).sink(held_by(&gate)).build().unwrap();
    let blocked = Arc::new(AtomicBool::new(false));
    let (at, in_thread) = (blocked.clone(), log.clone());
    let thread = thread::spawn(move || {
        loop {
            at.store(true, Ordering::Relaxed);
            if let Err(error) = in_thread.write_record(&[b'x'; 100]) {
                return error;
            }
        }
    });
    thread::sleep(Duration::from_millis(20));
    guard.close(Duration::ZERO);
    assert!(matches!(thread.join().unwrap(), WriteError::Closed));
    gate.open();
}

#[test]
fn a_job_of_the_only_thread_of_the_group_may_log_more_than_there_is_room_for() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(1).build().unwrap();
    let (log, guard) = Writer::builder().group(&group).capacity(1024).sink(io::sink()).build().unwrap();
    let inside = log.clone();
    group
        .offload(move || {
            for _ in 0..1_000 {
                inside.write_record(&[b'x'; 100]).unwrap();
            }
            inside.flush_wait(LONG).unwrap();
        })
        .wait();
    assert_eq!(guard.close(LONG).written, 1_000);
}

/// The guard would wait for a drain that is queued behind its own job.
#[test]
fn a_guard_is_closed_by_a_job_of_the_only_thread_of_the_group() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(1).build().unwrap();
    let (log, guard) = Writer::builder().group(&group).capacity(1024).sink(io::sink()).build().unwrap();
    let closing = group.offload(move || {
        (0..100).for_each(|_| log.write_record(&[b'x'; 100]).unwrap());
        guard.close(aside::Deadline::NEVER)
    });
    let report = closing.wait();
    assert!(report.is_complete && report.written == 100, "{report}");
}

#[test]
fn without_a_group_there_is_an_error_and_no_wait() {
    let _watchdog = watchdog();
    let group = Group::builder().build().unwrap();
    let (log, guard) = Writer::builder().group(&group).sink(io::sink()).build().unwrap();
    group.close();
    assert!(matches!(log.write_record(b"1\n"), Err(WriteError::Broken(_))));
    let report = guard.close(LONG);
    assert!(report.error.is_some());
    assert_eq!(report.lost, 1);
}

#[test]
fn too_long_a_record_is_refused() {
    let (log, guard) = Writer::builder().overflow(Overflow::DropNewest).sink(io::sink()).build().unwrap();
    let record = vec![b'x'; (16 << 20) + 1];
    log.write_record(&record[1..]).unwrap();
    assert!(matches!(log.write_record(&record), Err(WriteError::TooLong { .. })));
    assert!(matches!(log.reserve(record.len()), Err(WriteError::TooLong { .. })));
    assert_eq!(guard.close(LONG).written, 1);
}

/// Short records, which are copied together; many, which are written from where they lie; one that is longer than the ring takes.
#[test]
fn what_was_out_before_the_sink_failed_counts_as_written() {
    let _watchdog = watchdog();
    for (len, records, out) in
        [(100, 100, 5_050), (100, 600, 5_050), (100, 600, 40_000), (300_000, 3, 450_000)]
    {
        let (sink, gate) = (Sink::new(), Gate::new());
        let (mut inner, held) = (sink.clone(), gate.clone());
        let mut left = out;
        let failing = Scripted(move |bytes: &[u8]| {
            held.pass();
            let part = bytes.len().min(7_000).min(left);
            left -= part;
            if part == 0 { Err(ErrorKind::BrokenPipe.into()) } else { inner.write(&bytes[..part]) }
        });
        let (log, guard) = Writer::builder().sink(failing).build().unwrap();
        let record = format!("{}\n", "x".repeat(len - 1));
        (0..records).for_each(|_| log.write_record(record.as_bytes()).unwrap());
        gate.open();
        let report = guard.close(LONG);
        assert_eq!(report.written as usize, out / len, "{report}");
        assert_eq!(report.lost as usize, records - out / len);
        assert_eq!(sink.written().len(), out);
    }
}
