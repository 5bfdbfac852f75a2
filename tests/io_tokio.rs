//! The traits of tokio, inside both of its runtimes.
#![cfg(feature = "tokio")]

mod util;

use aside::io::Offloaded;
use std::io::{Cursor, SeekFrom};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::runtime::Builder;
use util::sink::{Sink, poll_and_drop};
use util::{hold_thread, single_thread_group, watchdog};

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
