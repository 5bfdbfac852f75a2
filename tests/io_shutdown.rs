//! The end of a group under its adapters: calls fail, none hangs, and what there was can be had.

mod util;

use aside::Deadline;
use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use std::io::{Cursor, ErrorKind, SeekFrom};
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;
use util::probe_waker::ProbeWaker;
use util::sink::{Answer, Sink, poll_and_drop, small};
use util::{hold_thread, single_thread_group, watchdog};

#[test]
fn calls_fail_and_the_inner_one_comes_back() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut both = Offloaded::builder().group(&group).build(Cursor::new(b"content".to_vec()));
    block_on(both.read_exact(&mut [0; 3])).unwrap();
    let _ = group.shutdown(Deadline::NEVER);
    let mut rest = [0; 4];
    block_on(both.read_exact(&mut rest)).unwrap();
    assert_eq!(&rest, b"tent");
    for _ in 0..3 {
        assert!(block_on(both.read(&mut rest)).is_err());
        assert!(block_on(both.seek(SeekFrom::Start(0))).is_err());
        assert!(block_on(both.flush()).is_err());
        assert!(block_on(both.with(|_| ())).is_err());
        assert!(block_on(both.close()).is_err());
    }
    let (_, inner, _) = block_on(both.into_inner()).unwrap_err().into_parts();
    assert_eq!(inner.unwrap().into_inner(), b"content");
}

#[test]
fn unwritten_bytes_come_back() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (group, mut writer) = small(&sink);
    let held = hold_thread(&group);
    block_on(writer.write_all(b"abcd")).unwrap();
    assert!(poll_and_drop(writer.flush(), 1).is_none());
    let probe = ProbeWaker::new();
    let write = Pin::new(&mut writer).poll_write(&mut Context::from_waker(probe.waker()), b"e");
    assert!(write.is_pending());
    let _ = group.shutdown(Duration::ZERO);
    held.release();
    assert!(probe.wakes() > 0);
    for _ in 0..3 {
        assert!(block_on(writer.write_all(b"efghij")).is_err());
        assert!(block_on(writer.flush()).is_err());
    }
    let (_, inner, bytes) = block_on(writer.into_inner()).err().unwrap().into_parts();
    assert!(inner.is_some() && sink.written().is_empty());
    assert!(bytes.starts_with(b"abcd"), "{bytes:?}");
}

/// It is written all the same, in a turn that goes on.
#[test]
fn a_write_after_the_group_was_closed() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (group, mut writer) = small(&sink);
    let stopped = sink.stop();
    assert!(poll_and_drop(writer.flush(), 1).is_none());
    stopped.until_there();
    group.close();
    block_on(writer.write_all(b"ab")).unwrap();
    stopped.go_on();
    group.drain().wait();
    assert_eq!(sink.written(), b"ab");
}

/// The disk was full, and then the group was shut down: the first reason is told.
#[test]
fn the_first_error_is_told() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (group, mut writer) = small(&sink);
    let (stopped, held) = (sink.stop(), hold_thread(&group));
    sink.on_write(Answer::Fails(ErrorKind::StorageFull));
    // So it is the flush that writes, before the job that is to.
    assert!(poll_and_drop(writer.flush(), 1).is_none());
    block_on(writer.write_all(b"ab")).unwrap();
    held.release();
    stopped.until_there();
    let _ = group.shutdown(Duration::ZERO);
    stopped.go_on();
    group.drain().wait();
    assert_eq!(block_on(writer.write(b"c")).unwrap_err().kind(), ErrorKind::StorageFull);
}
