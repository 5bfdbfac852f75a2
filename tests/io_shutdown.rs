//! The end of a group under its adapters: calls fail, none hangs, and what there was can be had.

mod util;

use aside::Deadline;
use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use std::io::{Cursor, SeekFrom};
use util::sink::{Sink, poll_and_drop, small};
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
    assert!(poll_and_drop(writer.write(b"e"), 1).is_none());
    assert!(poll_and_drop(writer.flush(), 1).is_none());
    let _ = group.shutdown(std::time::Duration::ZERO);
    held.release();
    for _ in 0..3 {
        assert!(block_on(writer.write_all(b"efghij")).is_err());
        assert!(block_on(writer.flush()).is_err());
    }
    let (_, inner, bytes) = block_on(writer.into_inner()).err().unwrap().into_parts();
    assert!(inner.is_some() && sink.written().is_empty());
    assert!(bytes.starts_with(b"abcd"), "{bytes:?}");
}
