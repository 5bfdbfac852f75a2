//! The traits of tokio, inside both of its runtimes.
#![cfg(feature = "tokio")]

mod util;

use aside::Group;
use aside::io::Offloaded;
use futures::executor::block_on;
use std::future::poll_fn;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWriteExt, ReadBuf};
use tokio::runtime::Builder;
use util::probe_waker::ProbeWaker;
use util::sink::{Sink, poll_and_drop, poll_once};
use util::{Gate, hold_thread, single_thread_group, watchdog};

fn in_both(test: impl AsyncFn()) {
    let _watchdog = watchdog();
    Builder::new_current_thread().build().unwrap().block_on(test());
    Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(test());
}

#[test]
fn copies_seeks_reads_lines_and_shuts_down() {
    in_both(async || {
        let content: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let sink = Sink::new();
        let mut from = Offloaded::new(Cursor::new(content.clone()));
        let mut to = Offloaded::builder().write_buffer(1_000).build(sink.clone());
        assert_eq!(tokio::io::copy(&mut from, &mut to).await.unwrap(), 300_000);
        to.shutdown().await.unwrap();
        assert!(sink.written() == content && sink.flushes() > 0);
        assert!(to.write(b"x").await.is_err());

        let mut text = Offloaded::new(Cursor::new(b"one\ntwo\nthree".to_vec()));
        let mut line = String::new();
        assert_eq!(text.read_line(&mut line).await.unwrap(), 4);
        assert_eq!((text.stream_position().await.unwrap(), &*line), (4, "one\n"));
        assert_eq!(text.seek(SeekFrom::Current(4)).await.unwrap(), 8);
        line.clear();
        text.read_to_string(&mut line).await.unwrap();
        assert_eq!(line, "three");
        assert!(text.seek(SeekFrom::Current(-100)).await.is_err());
        assert_eq!(text.stream_position().await.unwrap(), 13);
    });
}

#[test]
fn a_dropped_seek_takes_place_once_or_not_at_all() {
    in_both(async || {
        for polls in 1..4 {
            let group = single_thread_group();
            let content: Vec<u8> = (0..200).collect();
            let mut bytes = Offloaded::builder().group(&group).build(Cursor::new(content));
            let held = hold_thread(&group);
            assert!(poll_and_drop(bytes.seek(SeekFrom::Current(10)), polls).is_none());
            held.release();
            let first = bytes.read_u8().await.unwrap();
            assert!(first == 10 || first == 0, "{first}");
            assert_eq!(bytes.stream_position().await.unwrap(), u64::from(first) + 1);
            assert_eq!(bytes.read_u8().await.unwrap(), first + 1);
        }
    });
}

/// Of two who share an adapter, a read takes the wake-up of a seek away as little as that of a write.
#[test]
fn a_reader_leaves_who_seeks_his_waker() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut bytes = Offloaded::builder().group(&group).build(Cursor::new(vec![7; 100]));
    let held = hold_thread(&group);
    let (seeker, reader) = (ProbeWaker::new(), ProbeWaker::new());
    let (mut by_seeker, mut by_reader) =
        (Context::from_waker(seeker.waker()), Context::from_waker(reader.waker()));
    let mut bytes = Pin::new(&mut bytes);
    bytes.as_mut().start_seek(SeekFrom::Start(10)).unwrap();
    // As one who moves to another task meanwhile.
    let mut by_noop = Context::from_waker(std::task::Waker::noop());
    assert!(bytes.as_mut().poll_complete(&mut by_noop).is_pending());
    assert!(bytes.as_mut().poll_complete(&mut by_seeker).is_pending());
    assert!(bytes.as_mut().poll_read(&mut by_reader, &mut ReadBuf::new(&mut [0])).is_pending());
    held.release();
    group.drain().wait();
    assert!(reader.wakes() > 0 && seeker.wakes() > 0);
}

#[test]
fn a_seek_that_begins_before_another_has_ended() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut bytes = Offloaded::builder().group(&group).build(Cursor::new(vec![7; 100]));
    let held = hold_thread(&group);
    let mut bytes = Pin::new(&mut bytes);
    for to in [10, 20] {
        bytes.as_mut().start_seek(SeekFrom::Start(to)).unwrap();
        assert!(
            bytes.as_mut().poll_complete(&mut Context::from_waker(std::task::Waker::noop())).is_pending()
        );
    }
    held.release();
    assert_eq!(block_on(poll_fn(|cx| bytes.as_mut().poll_complete(cx))).unwrap(), 20);
    assert_eq!(block_on(bytes.stream_position()).unwrap(), 20);
}

/// After `start` a seek to `to` is under way or is to come, and another task reads before its end was asked for, and after: that is none of its end.
fn assert_a_read_is_not_its_end(
    to: u8,
    start: impl Fn(Pin<&mut Offloaded<Cursor<Vec<u8>>>>, &mut Context<'_>),
) {
    let _watchdog = watchdog();
    for polls in 0..3 {
        let group = single_thread_group();
        let mut bytes = Offloaded::builder().group(&group).build(Cursor::new((0..100).collect::<Vec<u8>>()));
        let mut bytes = Pin::new(&mut bytes);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut byte = [0];
        let held = hold_thread(&group);
        start(bytes.as_mut(), &mut cx);
        for _ in 0..polls {
            assert!(bytes.as_mut().poll_complete(&mut cx).is_pending());
        }
        assert!(bytes.as_mut().poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending());
        held.release();
        block_on(poll_fn(|cx| bytes.as_mut().poll_read(cx, &mut ReadBuf::new(&mut byte)))).unwrap();
        assert_eq!(byte, [to]);
        assert_eq!(block_on(poll_fn(|cx| bytes.as_mut().poll_complete(cx))).unwrap(), u64::from(to));
    }
}

/// It is under way from its start, whatever others do with the adapter before it is looked at.
#[test]
fn a_read_of_another_task_is_not_the_end_of_a_seek() {
    assert_a_read_is_not_its_end(10, |mut bytes, cx| {
        assert!(bytes.as_mut().poll_read(cx, &mut ReadBuf::new(&mut [0])).is_pending());
        bytes.as_mut().start_seek(SeekFrom::Start(10)).unwrap();
    });
}

/// The same of one that comes while something else is on its way that moves the position.
#[test]
fn a_read_of_another_task_is_not_the_end_of_a_second_seek() {
    assert_a_read_is_not_its_end(20, |mut bytes, _| {
        bytes.as_mut().start_seek(SeekFrom::Start(10)).unwrap();
        bytes.as_mut().start_seek(SeekFrom::Start(20)).unwrap();
    });
}

/// If it fails, its own user hears of that, and not that it has arrived.
#[test]
fn a_read_of_another_task_is_not_the_success_of_a_seek() {
    let _watchdog = watchdog();
    let mut bytes = Offloaded::new(Cursor::new((0..100).collect::<Vec<u8>>()));
    let mut bytes = Pin::new(&mut bytes);
    let mut byte = [0];
    bytes.as_mut().start_seek(SeekFrom::Current(-1)).unwrap();
    block_on(poll_fn(|cx| bytes.as_mut().poll_read(cx, &mut ReadBuf::new(&mut byte)))).unwrap();
    assert!(block_on(poll_fn(|cx| bytes.as_mut().poll_complete(cx))).is_err());
    assert_eq!(block_on(bytes.seek(SeekFrom::Current(4))).unwrap(), 5, "told once");
}

/// Cannot go back.
struct Onwards(Cursor<Vec<u8>>);

impl Read for Onwards {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Read::read(&mut self.0, buffer)
    }
}

impl Seek for Onwards {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match to {
            SeekFrom::Current(..0) => Err(std::io::ErrorKind::Other.into()),
            _ => Seek::seek(&mut self.0, to),
        }
    }
}

impl Write for Onwards {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Write::write(&mut self.0, bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Of such a source a byte was read, and more is read ahead.
fn begun_onwards(group: &Group) -> Offloaded<Onwards> {
    let mut bytes =
        Offloaded::builder().group(group).build_seekable(Onwards(Cursor::new((0..100).collect())));
    assert_eq!(block_on(bytes.read_u8()).unwrap(), 0);
    bytes
}

/// What a write needs, and cannot have, is told to who writes, also if the reader sees it first.
#[test]
fn a_move_that_fails_is_no_failure_of_a_read() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (mut from, mut to) = tokio::io::split(begun_onwards(&group));
    let held = hold_thread(&group);
    let mut write = std::pin::pin!(to.write(b"x"));
    assert!(poll_once(&mut write).is_pending());
    held.release();
    group.drain().wait();
    assert_eq!(block_on(from.read_u8()).unwrap(), 1);
    let held = hold_thread(&group);
    // Not tried again and again, where the reader is always the first.
    assert!(matches!(poll_once(&mut write), Poll::Ready(Err(_))));
    // Nor is it one of a flush, behind a write that was dropped.
    assert!(poll_and_drop(to.write(b"x"), 1).is_none());
    held.release();
    block_on(to.flush()).unwrap();
    assert_eq!(block_on(from.read_u8()).unwrap(), 2);
}

/// Nor of a write that comes behind one that needed no move: it is tried again.
#[test]
fn a_move_that_fails_is_forgotten_with_the_need_for_it() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut bytes = begun_onwards(&group);
    let held = hold_thread(&group);
    assert!(poll_and_drop(bytes.write(b"x"), 1).is_none());
    held.release();
    // Sees that it failed, and leaves nothing unread.
    block_on(bytes.read_exact(&mut [0; 99])).unwrap();
    block_on(bytes.with(|inner| inner.0.set_position(0))).unwrap();
    assert_eq!(block_on(bytes.read_u8()).unwrap(), 0);
    let _held = hold_thread(&group);
    assert!(poll_and_drop(bytes.write(b"x"), 1).is_none(), "the error of an earlier one");
}

/// What was to be moved back for a closure, in vain, stands elsewhere now.
#[test]
fn a_seek_behind_a_move_that_fails() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut bytes = begun_onwards(&group);
    let held = hold_thread(&group);
    assert!(poll_and_drop(bytes.with(|_| ()), 1).is_none());
    Pin::new(&mut bytes).start_seek(SeekFrom::Start(50)).unwrap();
    held.release();
    let sought = block_on(poll_fn(|cx| Pin::new(&mut bytes).poll_complete(cx)));
    assert_eq!(block_on(bytes.read_u8()).unwrap(), 50);
    assert_eq!(sought.unwrap(), 50);
}

/// Also one that is awaited, by the traits of either.
#[test]
fn an_awaited_seek_behind_a_move_that_fails() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    for by_tokio in [true, false] {
        let mut bytes = begun_onwards(&group);
        let held = hold_thread(&group);
        assert!(poll_and_drop(bytes.with(|_| ()), 1).is_none());
        held.release();
        let to = SeekFrom::Start(50);
        let sought = if by_tokio {
            block_on(bytes.seek(to))
        } else {
            block_on(futures::io::AsyncSeekExt::seek(&mut bytes, to))
        };
        assert_eq!(sought.unwrap(), 50);
        assert_eq!(block_on(bytes.read_u8()).unwrap(), 50);
        assert!(block_on(bytes.with(|_| ())).is_err(), "it still cannot go back");
    }
}

/// The last one comes last.
#[test]
fn seeks_by_the_traits_of_both() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut bytes = Offloaded::builder().group(&group).build(Cursor::new((0..100).collect::<Vec<u8>>()));
    let held = hold_thread(&group);
    for to in [10, 20] {
        Pin::new(&mut bytes).start_seek(SeekFrom::Start(to)).unwrap();
    }
    held.release();
    assert_eq!(block_on(futures::io::AsyncSeekExt::seek(&mut bytes, SeekFrom::Start(10))).unwrap(), 10);
    assert_eq!(block_on(bytes.read_u8()).unwrap(), 10);
}

/// Waits with its first read, having told that it came.
struct SlowStart(Option<(mpsc::Sender<()>, Gate)>, Cursor<Vec<u8>>);

impl Read for SlowStart {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some((tell, gate)) = self.0.take() {
            tell.send(()).unwrap();
            gate.pass();
        }
        Read::read(&mut self.1, buffer)
    }
}

impl Seek for SlowStart {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        Seek::seek(&mut self.1, to)
    }
}

/// The read that it has to wait for was there before it, and the next one was not.
#[test]
fn a_seek_behind_a_read_that_blocks() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let (gate, (tell, came)) = (Gate::new(), mpsc::channel());
    let slow = SlowStart(Some((tell, gate.clone())), Cursor::new((0..100).collect()));
    let mut bytes = Offloaded::builder().group(&group).build(slow);
    let mut bytes = Pin::new(&mut bytes);
    let mut byte = [0];
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(bytes.as_mut().poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending());
    came.recv().unwrap();
    bytes.as_mut().start_seek(SeekFrom::Current(10)).unwrap();
    assert!(bytes.as_mut().poll_complete(&mut cx).is_pending());
    gate.open();
    group.drain().wait();
    block_on(poll_fn(|cx| bytes.as_mut().poll_read(cx, &mut ReadBuf::new(&mut byte)))).unwrap();
    assert_eq!(byte, [10]);
    assert_eq!(block_on(poll_fn(|cx| bytes.as_mut().poll_complete(cx))).unwrap(), 10);
}

/// A seek calls off a read that has not begun. Who waited for that is told, also if the seek itself is over at once.
#[test]
fn a_seek_that_fails_wakes_the_reader() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut bytes = Offloaded::builder().group(&group).build(Cursor::new(vec![7; 100]));
    let held = hold_thread(&group);
    let reader = ProbeWaker::new();
    let mut by_reader = Context::from_waker(reader.waker());
    let mut bytes = Pin::new(&mut bytes);
    assert!(bytes.as_mut().poll_read(&mut by_reader, &mut ReadBuf::new(&mut [0])).is_pending());
    group.close();
    let started = bytes.as_mut().start_seek(SeekFrom::Start(10));
    assert!(
        started.is_err()
            || poll_and_drop(poll_fn(|cx| bytes.as_mut().poll_complete(cx)), 1).unwrap().is_err()
    );
    assert!(reader.wakes() > 0);
    held.release();
}
