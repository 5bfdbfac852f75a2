//! The two halves of one adapter in the hands of two tasks: each is woken for what it waits for.
#![cfg(unix)]

mod util;

use aside::Group;
use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use std::future::Future;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Context;
use util::probe_waker::ProbeWaker;
use util::process::{eventually, until_running};
use util::sink::poll_and_drop;
use util::source::{Source, fifo, file_of, told};
use util::{hold_thread, hush, single_thread_group, watchdog};

type Bytes = Offloaded<Cursor<Vec<u8>>>;

/// Of one that has a hundred bytes.
fn halves(group: &Group) -> (ReadHalf<Bytes>, WriteHalf<Bytes>) {
    Offloaded::builder().group(group).build(Cursor::new(vec![7; 100])).split()
}

/// A write that waits for a read that blocks must not take its wake-up away.
#[test]
fn a_writer_leaves_the_reader_its_waker() {
    let _watchdog = watchdog();
    let fifo = fifo();
    let mut other_end = fifo.try_clone().unwrap();
    let group = single_thread_group();
    let (mut from, mut to) = Offloaded::builder().group(&group).build(fifo).split();
    let (reader, writer) = (ProbeWaker::new(), ProbeWaker::new());
    let mut buffer = [0; 3];
    {
        let mut read = pin!(from.read_exact(&mut buffer));
        let mut write = pin!(to.write_all(b"def"));
        let (mut by_reader, mut by_writer) =
            (Context::from_waker(reader.waker()), Context::from_waker(writer.waker()));
        assert!(read.as_mut().poll(&mut by_reader).is_pending());
        until_running(&group, 1);
        assert!(write.as_mut().poll(&mut by_writer).is_pending());
        other_end.write_all(b"abc").unwrap();
        eventually("the writer hears of it", || writer.wakes() > 0);
        eventually("the reader hears of it", || reader.wakes() > 0);
        let mut done = [false; 2];
        while done != [true; 2] {
            done[0] = done[0] || read.as_mut().poll(&mut by_reader).is_ready();
            done[1] = done[1] || write.as_mut().poll(&mut by_writer).is_ready();
            std::thread::yield_now();
        }
    }
    assert_eq!(&buffer, b"abc");
    block_on(from.read_exact(&mut buffer)).unwrap();
    assert_eq!(&buffer, b"def");
}

/// The other way round: a read, while a write waits until the position is where the user has read to.
#[test]
fn a_reader_leaves_the_writer_its_waker() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (mut from, mut to) = halves(&group);
    block_on(from.read_exact(&mut [0; 10])).unwrap();
    let held = hold_thread(&group);
    let (reader, writer) = (ProbeWaker::new(), ProbeWaker::new());
    let mut buffer = [0; 3];
    let mut read = pin!(from.read(&mut buffer));
    let mut write = pin!(to.write_all(b"def"));
    assert!(write.as_mut().poll(&mut Context::from_waker(writer.waker())).is_pending());
    assert!(read.as_mut().poll(&mut Context::from_waker(reader.waker())).is_pending());
    held.release();
    eventually("the reader hears of it", || reader.wakes() > 0);
    eventually("the writer hears of it", || writer.wakes() > 0);
    assert!(matches!(block_on(write), Ok(())));
    assert!(matches!(block_on(read), Ok(1..)));
}

/// A socket that gives back what it is sent, through two tasks on two threads.
#[test]
fn an_echo() {
    const BYTES: usize = 300_000;
    let _watchdog = watchdog();
    let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    let echo = std::thread::spawn(move || {
        let mut back = far.try_clone().unwrap();
        std::io::copy(&mut &far, &mut back).unwrap();
        back.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let end = near.try_clone().unwrap();
    let (mut from, _unused) = Offloaded::new(near.try_clone().unwrap()).split();
    let (_also, mut to) = Offloaded::builder().write_buffer(100).build(near).split();
    let content: Vec<u8> = (0..BYTES).map(|n| (n % 251) as u8).collect();
    let sent = content.clone();
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        block_on(from.read_to_end(&mut all)).map(|_| all)
    });
    block_on(async {
        to.write_all(&sent).await.unwrap();
        to.flush().await.unwrap();
    });
    end.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(reading.join().unwrap().unwrap() == content);
    echo.join().unwrap();
}

/// Both halves of a file, in turn and at once: each byte comes once.
#[test]
fn halves_of_a_file() {
    let _watchdog = watchdog();
    for _ in 0..20 {
        let (mut from, mut to) = Offloaded::builder().write_buffer(64).build(file_of(&[1; 50_000])).split();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            block_on(from.read_to_end(&mut all)).unwrap();
            (from, all.len())
        });
        block_on(async {
            for _ in 0..100 {
                to.write_all(&[2; 100]).await.unwrap();
            }
            to.flush().await.unwrap();
        });
        let (from, read) = reader.join().unwrap();
        // They share one position, so what is overwritten is not read.
        let mut both = from.reunite(to).unwrap();
        let len = block_on(both.with(|file| file.metadata().unwrap().len())).unwrap();
        assert!(read + 10_000 >= 50_000 && len as usize <= 60_000, "{read} read, {len} there");
    }
}

/// A read that a write has called off begins anew.
#[test]
fn a_read_that_has_not_begun() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    for closes in [false, true] {
        let (mut from, mut to) = halves(&group);
        let held = hold_thread(&group);
        let (reader, writer) = (ProbeWaker::new(), ProbeWaker::new());
        let mut buffer = [0; 3];
        let mut read = pin!(from.read(&mut buffer));
        let mut by_writer = Context::from_waker(writer.waker());
        assert!(read.as_mut().poll(&mut Context::from_waker(reader.waker())).is_pending());
        if closes {
            let mut close = pin!(to.close());
            assert!(close.as_mut().poll(&mut by_writer).is_pending());
            held.release();
            block_on(close).unwrap();
        } else {
            assert!(pin!(to.write(b"def")).poll(&mut by_writer).is_ready());
            held.release();
        }
        eventually("the reader hears of it", || reader.wakes() > 0);
        // What was fetched before the end is there; or it is closed.
        assert!(closes || matches!(block_on(read), Ok(3)));
    }
}

/// Fills whatever it is given and takes whatever it is given; one of them when it is told to, and tells how often it was asked.
struct Endless {
    asked: Arc<AtomicUsize>,
    told: mpsc::Receiver<()>,
    writes: bool,
}

impl Endless {
    fn pass(&self, writes: bool) {
        if self.writes == writes {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let _ = self.told.recv();
        }
    }
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pass(false);
        Ok(buffer.len())
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass(true);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Endless {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(0)
    }
}

/// One of its calls waits to be told.
fn endless(writes: bool) -> (Group, Arc<AtomicUsize>, mpsc::Sender<()>, Offloaded<Endless>) {
    let group = single_thread_group();
    let (asked, (tell, told)) = (Arc::new(AtomicUsize::new(0)), mpsc::channel());
    let both = Endless { asked: asked.clone(), told, writes };
    let both = Offloaded::builder().group(&group).build_seekable(both);
    (group, asked, tell, both)
}

/// Until there was one more call, or there is to be none.
fn until_asked(group: &Group, asked: &AtomicUsize, answered: usize) {
    eventually("a call is under way, if there is to be one", || {
        let stats = group.stats();
        asked.load(Ordering::SeqCst) > answered || stats.queued == 0 && stats.running == 0
    });
}

/// A reader that is always polled first, and always has a read under way by the time the writer comes.
#[test]
fn a_reader_without_an_end_lets_a_writer_in() {
    let _watchdog = watchdog();
    let (group, asked, tell, both) = endless(false);
    let (mut from, mut to) = both.split();
    let mut buffer = vec![0; 1 << 20];
    let passed = (0..20).position(|answered| {
        while poll_and_drop(from.read(&mut buffer), 1).is_some() {}
        until_asked(&group, &asked, answered);
        let written = poll_and_drop(to.write(b"x"), 1).is_some();
        tell.send(()).unwrap();
        group.drain().wait();
        written
    });
    assert!(passed.is_some());
}

/// A writer that always has a write under way, and takes what the reader has asked for away.
#[test]
fn a_writer_without_an_end_lets_a_reader_in() {
    let _watchdog = watchdog();
    let (group, asked, tell, both) = endless(true);
    let (mut from, mut to) = both.split();
    let passed = (0..20).position(|answered| {
        let read = answered > 0 && poll_and_drop(from.read(&mut [0; 10]), 1).is_some();
        let _ = poll_and_drop(to.write(b"x"), 1);
        if answered > 0 {
            tell.send(()).unwrap();
        }
        until_asked(&group, &asked, answered);
        read
    });
    assert!(passed.is_some());
}

/// Also one that is always polled first, and finds each read done before its reader does.
#[test]
fn a_writer_that_is_polled_first_lets_a_reader_in() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (mut from, mut to) = halves(&group);
    let mut buffer = [0; 10];
    let passed = (0..20).position(|_| {
        let written = poll_and_drop(to.write(b"x"), 1);
        assert!(written.is_none_or(|written| written.is_ok()));
        let read = poll_and_drop(from.read(&mut buffer), 1).is_some();
        group.drain().wait();
        read
    });
    assert!(passed.is_some());
}

/// Whose read is under way then, and need not end.
#[test]
fn a_reader_hears_of_a_close() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (tell, asked, read) = told();
    let (mut from, mut to) = Offloaded::builder().group(&group).build(Source::new(read)).split();
    let held = hold_thread(&group);
    let reader = ProbeWaker::new();
    let mut by_reader = Context::from_waker(reader.waker());
    assert!(poll_and_drop(to.close(), 1).is_none());
    assert!(pin!(from.read(&mut [0])).poll(&mut by_reader).is_pending());
    held.release();
    eventually("the flush of the close is done, and the read is under way", || asked.get() > 0);
    assert_eq!(reader.wakes(), 0);
    assert!(poll_and_drop(to.close(), 1).is_none());
    assert!(reader.wakes() > 0);
    assert!(block_on(from.read(&mut [0])).is_err());
    tell.send(Ok(0)).unwrap();
    block_on(to.close()).unwrap();
}

/// Neither does a waker that panics keep the other side from being woken, nor does one that is not needed any more stay.
#[test]
fn wakers_of_two_sides() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let (mut from, mut to) = halves(&group);
    block_on(from.read_exact(&mut [0; 10])).unwrap();
    let held = hold_thread(&group);
    let (reader, writer) = (ProbeWaker::new(), ProbeWaker::new());
    let (mut by_reader, mut by_writer) =
        (Context::from_waker(reader.waker()), Context::from_waker(writer.waker()));
    assert!(pin!(to.write(b"def")).poll(&mut by_writer).is_pending());
    assert!(pin!(from.read(&mut [0; 3])).poll(&mut by_reader).is_pending());
    writer.panic_when_woken(true);
    reader.panic_when_woken(true);
    held.release();
    eventually("both hear of it", || writer.wakes() > 0 && reader.wakes() > 0);
    assert!(pin!(to.write(b"def")).poll(&mut by_writer).is_ready());
    assert_eq!(writer.clones(), writer.drops());
    eventually("there is something to read", || pin!(from.read(&mut [0; 3])).poll(&mut by_reader).is_ready());
    assert_eq!(reader.clones(), reader.drops());
}
