//! A writer that fails: each error is told once, nothing that was accepted is lost, and nobody waits in vain.
#![cfg(unix)]

mod util;

use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use std::future::Future;
use std::io::{self, ErrorKind, Read, SeekFrom, Write};
use std::task::Poll;
use util::probe_waker::ProbeWaker;
use util::process::eventually;
use util::sink::{Answer, Sink, poll_and_drop, poll_once, small};
use util::{Gate, hold_thread, hush, single_thread_group, watchdog};

const FULL: Answer = Answer::Fails(ErrorKind::StorageFull);

/// Until the jobs that are queued by now are done with.
fn settle(writer: &mut Offloaded<Sink>) {
    let _ = block_on(writer.with(|_| ()));
}

#[test]
fn every_flush_of_a_full_disk_fails() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (_, mut writer) = small(&sink);
    sink.on_write(FULL);
    block_on(writer.write_all(b"abc")).unwrap();
    for _ in 0..20 {
        assert_eq!(block_on(writer.flush()).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(block_on(writer.close()).unwrap_err().kind(), ErrorKind::StorageFull);
    }
    sink.on_write(Answer::Works);
    block_on(writer.close()).unwrap();
    assert_eq!(sink.written(), b"abc");
}

/// A flush that saw the error of an earlier job must not count as one that was done.
#[test]
fn an_error_that_a_pending_flush_tells_leaves_no_flush_behind() {
    let _watchdog = watchdog();
    for answers in [(FULL, Answer::Works), (Answer::Works, Answer::Fails(ErrorKind::Other))] {
        let sink = Sink::new();
        let (group, mut writer) = small(&sink);
        sink.on_write(answers.0);
        sink.on_flush(answers.1);
        let stopped = sink.stop();
        block_on(writer.write_all(b"abc")).unwrap();
        stopped.until_there();
        {
            let mut flush = writer.flush();
            assert!(poll_once(&mut flush).is_pending());
            stopped.go_on();
            group.drain().wait();
            assert!(matches!(poll_once(&mut flush), Poll::Ready(Err(_))));
        }
        let flushes = sink.flushes();
        assert!(block_on(writer.flush()).is_err(), "the bytes are written as little as before");
        sink.on_write(Answer::Works);
        sink.on_flush(Answer::Works);
        block_on(writer.flush()).unwrap();
        assert_eq!((sink.written(), sink.flushes()), (b"abc".to_vec(), flushes + 1));
    }
}

#[test]
fn a_writer_that_waits_for_room_hears_of_a_failed_flush() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (_, mut writer) = small(&sink);
    sink.on_flush(Answer::Fails(ErrorKind::Other));
    let stopped = sink.stop();
    assert!(poll_and_drop(writer.flush(), 1).is_none());
    stopped.until_there();
    block_on(writer.write_all(b"abcd")).unwrap();
    // Full; and the job that would make room is queued behind the flush.
    let probe = ProbeWaker::new();
    let mut write = writer.write(b"e");
    let mut cx = std::task::Context::from_waker(probe.waker());
    assert!(std::pin::Pin::new(&mut write).poll(&mut cx).is_pending());
    stopped.go_on();
    eventually("somebody wakes the writer", || probe.wakes() > 0);
    assert!(block_on(write).is_err());
    sink.on_flush(Answer::Works);
    block_on(writer.write_all(b"e")).unwrap();
    block_on(writer.close()).unwrap();
    assert_eq!(sink.written(), b"abcde");
}

#[test]
fn what_waits_on_a_full_disk_is_bounded() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (_, mut writer) = small(&sink);
    sink.on_write(FULL);
    let mut accepted = Vec::new();
    for n in 0..50 {
        // Of a user who takes errors lightly: fills the buffer before each attempt, and again while it is made.
        let stopped = sink.stop();
        for fails in [true, false] {
            while let Some(written) = poll_and_drop(writer.write(&[n]), 1) {
                accepted.extend(written.ok().map(|_| n));
            }
            if fails {
                stopped.until_there();
            }
        }
        stopped.go_on();
        settle(&mut writer);
    }
    assert!(accepted.len() <= 8, "{} bytes were accepted into a buffer of 4", accepted.len());
    assert!(sink.largest() <= 8, "{} bytes were written at once", sink.largest());
    sink.on_write(Answer::Works);
    while block_on(writer.close()).is_err() {}
    assert_eq!(sink.written(), accepted);
}

#[test]
fn a_panic_is_one_error() {
    let _watchdog = watchdog();
    hush();
    let sink = Sink::new();
    let (_, mut writer) = small(&sink);
    sink.on_write(Answer::Panics);
    block_on(writer.write_all(b"abc")).unwrap();
    assert!(block_on(writer.flush()).is_err());
    for attempts in 1.. {
        // One attempt for each error from now on.
        let before = sink.calls();
        assert!(block_on(writer.flush()).is_err());
        assert_eq!(sink.calls(), before + 1, "attempt {attempts}");
        if attempts == 10 {
            break;
        }
    }
    sink.on_write(Answer::Works);
    block_on(writer.flush()).unwrap();
    assert_eq!(sink.written(), b"abc");
    sink.on_flush(Answer::Panics);
    for _ in 0..3 {
        assert!(block_on(writer.flush()).is_err());
    }
    sink.on_flush(Answer::Works);
    block_on(writer.close()).unwrap();
}

/// The one that the writer of a chunk left, and none that the library made up.
#[test]
fn no_error_but_that_of_the_writer() {
    let _watchdog = watchdog();
    hush();
    for answer in [FULL, Answer::Panics] {
        let sink = Sink::new();
        let mut writer = Offloaded::builder().write_buffer(100).build(sink.clone());
        sink.on_write(answer);
        let mut accepted = 0;
        let mut told = 0;
        while told < 3_000 {
            match poll_and_drop(writer.write(b"x"), 1) {
                Some(Ok(_)) => accepted += 1,
                Some(Err(error)) => {
                    told += 1;
                    if answer == FULL {
                        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
                    } else {
                        assert!(error.to_string().contains("panicked"), "{error}");
                    }
                }
                None => std::thread::yield_now(),
            }
        }
        assert!(sink.calls() >= told, "{told} errors of {} attempts", sink.calls());
        assert!(sink.largest() <= 200, "{} bytes were accepted", sink.largest());
        sink.on_write(Answer::Works);
        while block_on(writer.close()).is_err() {}
        assert_eq!(sink.written().len(), accepted);
    }
}

#[test]
fn what_comes_after_an_error_does_not_tell_it() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (_, mut writer) = small(&sink);
    sink.on_write(FULL);
    block_on(writer.write_all(b"ab")).unwrap();
    for _ in 0..3 {
        let ran = block_on(writer.with(|_| unreachable!("the bytes before it are not written")));
        let error = ran.unwrap_err();
        assert!(error.to_string().contains("before"), "{error}");
        assert!(block_on(writer.seek(SeekFrom::Start(0))).unwrap_err().to_string().contains("before"));
    }
    // Nothing is written before somebody was told, also if it could be.
    sink.on_write(Answer::Works);
    assert!(block_on(writer.with(|_| ())).is_err() && sink.written().is_empty());
    sink.on_write(FULL);
    assert_eq!(block_on(writer.write(b"c")).unwrap_err().kind(), ErrorKind::StorageFull);
    settle(&mut writer);
    let (error, inner, bytes) = block_on(writer.into_inner()).err().unwrap().into_parts();
    assert_eq!((error.kind(), inner.is_some(), &*bytes), (ErrorKind::StorageFull, true, &b"ab"[..]));
}

/// Gives back what was written, which fails once.
struct Echo(Vec<u8>, bool);

impl Read for Echo {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.len().min(buffer.len());
        buffer[..read].copy_from_slice(&self.0[..read]);
        Ok(read)
    }
}

impl Write for Echo {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !std::mem::replace(&mut self.1, true) {
            return Err(ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_read_comes_after_what_was_not_written_at_first() {
    let _watchdog = watchdog();
    let mut both = Offloaded::new(Echo(Vec::new(), false));
    block_on(both.write_all(b"ab")).unwrap();
    assert_eq!(block_on(both.flush()).unwrap_err().kind(), ErrorKind::StorageFull);
    let mut read = [0; 2];
    block_on(both.read_exact(&mut read)).unwrap();
    assert_eq!(&read, b"ab");
}

/// Whether somebody was told of the error or nobody: all is tried once more.
#[test]
fn dropped_after_an_error() {
    let _watchdog = watchdog();
    for (write, flush, is_told) in
        [(FULL, Answer::Works, false), (FULL, Answer::Works, true), (Answer::Works, FULL, false)]
    {
        let sink = Sink::new();
        let (group, mut writer) = small(&sink);
        sink.on_write(write);
        sink.on_flush(flush);
        let held = hold_thread(&group);
        block_on(writer.write_all(b"ab")).unwrap();
        assert!(poll_and_drop(writer.flush(), 1).is_none());
        held.release();
        group.drain().wait();
        if is_told {
            assert!(poll_and_drop(writer.flush(), 1).unwrap().is_err());
        }
        sink.on_write(Answer::Works);
        sink.on_flush(Answer::Works);
        drop(writer);
        group.drain().wait();
        assert_eq!((sink.written(), sink.flushes()), (b"ab".to_vec(), 1));
    }
}

/// There is a last flush, unless all is flushed.
#[test]
fn dropped_while_it_is_written() {
    let _watchdog = watchdog();
    for is_flushed in [false, true] {
        let sink = Sink::new();
        let (group, mut writer) = small(&sink);
        let stopped = sink.stop();
        block_on(writer.write_all(b"ab")).unwrap();
        stopped.until_there();
        if is_flushed {
            stopped.go_on();
            block_on(writer.flush()).unwrap();
            drop(writer);
        } else {
            drop(writer);
            stopped.go_on();
        }
        group.drain().wait();
        assert_eq!((sink.written(), sink.flushes()), (b"ab".to_vec(), 1));
    }
}

#[test]
fn a_dropped_flush_says_nothing_of_later_bytes() {
    let _watchdog = watchdog();
    for polls in 0..3 {
        let sink = Sink::new();
        let (group, mut writer) = small(&sink);
        let held = hold_thread(&group);
        block_on(writer.write_all(b"ab")).unwrap();
        assert!(poll_and_drop(writer.flush(), polls).is_none());
        block_on(writer.write_all(b"c")).unwrap();
        assert!(poll_and_drop(writer.close(), polls).is_none());
        block_on(writer.write_all(b"d")).unwrap();
        held.release();
        block_on(writer.flush()).unwrap();
        assert_eq!(sink.written(), b"abcd");
        assert!(sink.flushes() > 0);
    }
}

/// The destructor of the writer may block.
#[test]
fn a_close_that_is_dropped_with_its_writer_drops_the_inner_one_elsewhere() {
    struct Told(Sink, std::sync::mpsc::Sender<std::thread::ThreadId>);
    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.1.send(std::thread::current().id());
        }
    }
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (sink, gate) = (Sink::new(), Gate::new());
    let (tell, dropped_on) = std::sync::mpsc::channel();
    let mut writer = Offloaded::builder().group(&group).build(Told(sink.clone(), tell));
    let stopped = sink.stop();
    assert!(poll_and_drop(writer.close(), 1).is_none());
    stopped.until_there();
    let next = group.offload({
        let gate = gate.clone();
        move || gate.pass()
    });
    stopped.go_on();
    eventually("the flush is done, and the job behind it runs", || {
        sink.flushes() == 1 && group.stats().queued == 0
    });
    // Now the end of the lane is queued.
    assert!(poll_and_drop(writer.close(), 1).is_none());
    drop(writer);
    gate.open();
    next.wait();
    assert_ne!(dropped_on.recv().unwrap(), std::thread::current().id());
}
