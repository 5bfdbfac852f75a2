//! What is read ahead: when it is told, what it takes in memory, and what stands behind it.
#![cfg(target_os = "linux")]

mod util;

use aside::Group;
use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use std::fs::File;
use std::future::Future;
use std::io::{self, Cursor, ErrorKind, Seek, Write};
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use util::probe_waker::ProbeWaker;
use util::process::{eventually, in_child, resident};
use util::sink::poll_and_drop;
use util::source::{Source, fifo, file_of, told};
use util::{expected_panic, hold_thread, hush, panic_of, single_thread_group, start_job, watchdog};

const MIB: usize = 1 << 20;

/// Of so many bytes, from its beginning.
fn file(bytes: usize) -> File {
    file_of(&vec![7; bytes])
}

/// What has been read of a file is given out, also if others have got the only thread by then, and do not let go of it before.
#[test]
fn what_was_read_is_told_whoever_has_the_thread() {
    let _watchdog = watchdog();
    // Of one that lingers a reader may look again by himself.
    let group = Group::builder().max_threads(1).linger(Duration::ZERO).build().unwrap();
    let mut owed = 0;
    while owed < 50 {
        let file = file(64 * MIB);
        let mut position = file.try_clone().unwrap();
        let mut reader = Offloaded::builder().group(&group).build(file);
        let mut given = 0;
        loop {
            let probe = ProbeWaker::new();
            if pin!(reader.fill_buf()).poll(&mut Context::from_waker(probe.waker())).is_pending() {
                let job = start_job(&group, || ());
                if position.stream_position().unwrap() > given {
                    owed += 1;
                    eventually("the reader hears of it", || probe.wakes() > 0);
                }
                job.gate.open();
                job.offload.wait();
            }
            let len = block_on(reader.fill_buf()).unwrap().len();
            if len == 0 {
                break;
            }
            given += len as u64;
            reader.consume_unpin(len);
        }
    }
}

/// The end may come with a read that was made ahead, or with one that was asked for; so of all sizes.
#[test]
fn nothing_is_kept_at_the_end() {
    in_child(
        "nothing_is_kept_at_the_end",
        |_| (),
        || {
            for bytes in [8 * MIB, 8 * MIB - 16 * 1024, 8 * MIB + 240 * 1024 - 1] {
                let file = file(bytes);
                let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
                let before = resident();
                let readers: Vec<_> = (0..100)
                    .map(|_| {
                        let mut reader = Offloaded::new(File::open(&path).unwrap());
                        let copied = block_on(futures::io::copy_buf(&mut reader, &mut futures::io::sink()));
                        assert_eq!(copied.unwrap(), bytes as u64);
                        reader
                    })
                    .collect();
                let kept = resident().saturating_sub(before) / readers.len();
                assert!(kept < MIB / 2, "{kept} bytes each of {bytes}");
            }
        },
    );
}

/// Also of what was read and never used.
#[test]
fn nothing_is_kept_of_what_is_closed() {
    in_child(
        "nothing_is_kept_of_what_is_closed",
        |_| (),
        || {
            let before = resident();
            let readers: Vec<_> = (0..100)
                .map(|_| {
                    let mut reader = Offloaded::new(Cursor::new(vec![7; 8 * MIB]));
                    block_on(reader.read_exact(&mut vec![0; 4 * MIB])).unwrap();
                    Group::global().drain().wait();
                    block_on(reader.close()).unwrap();
                    reader
                })
                .collect();
            let kept = resident().saturating_sub(before) / readers.len();
            assert!(kept < MIB / 4, "{kept} bytes each");
        },
    );
}

/// A whole buffer is not read for who wants a byte.
#[test]
fn a_first_read_is_short() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let file = file(MIB);
    let mut position = file.try_clone().unwrap();
    let mut reader = Offloaded::builder().group(&group).build(file);
    let held = hold_thread(&group);
    assert!(poll_and_drop(reader.read(&mut [0]), 1).is_none());
    held.release();
    group.drain().wait();
    assert_eq!(position.stream_position().unwrap(), 16 * 1024);
}

/// A closure puts a pipe in the place of a file: what comes is told before the pipe is read again.
#[test]
fn a_file_that_becomes_a_pipe() {
    let _watchdog = watchdog();
    let mut reader = Offloaded::builder().read_buffer(400).build(file(1_000));
    block_on(reader.read_exact(&mut [0; 500])).unwrap();
    let pipe = fifo();
    let mut other_end = pipe.try_clone().unwrap();
    block_on(reader.with(|file| *file = pipe)).unwrap();
    other_end.write_all(&[8; 100]).unwrap();
    let mut read = [0; 100];
    block_on(reader.read_exact(&mut read)).unwrap();
    assert_eq!(read, [8; 100]);
    // For the read that is made ahead, which would never end.
    other_end.write_all(&[9]).unwrap();
}

/// A reader that is never waited for has no use for much.
#[test]
fn a_slow_user_has_little_read_ahead() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let file = file(32 * MIB);
    let mut position = file.try_clone().unwrap();
    let mut reader = Offloaded::builder().group(&group).build(file);
    let mut given = 0;
    while given < 24 * MIB {
        let len = block_on(reader.fill_buf()).unwrap().len();
        given += len;
        reader.consume_unpin(len);
        // All that is asked for is there before it goes on.
        group.drain().wait();
        let ahead = position.stream_position().unwrap() as usize - given;
        assert!(ahead <= MIB, "{ahead} bytes are read ahead after {given}");
    }
}

#[test]
fn no_more_is_read_ahead_than_the_buffer_takes() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    for capacity in [1, 1_000, 100_000, 3 * MIB] {
        let file = file(if capacity == 1 { 1_000 } else { 16 * MIB });
        let mut position = file.try_clone().unwrap();
        let mut reader = Offloaded::builder().group(&group).read_buffer(capacity).build(file);
        let mut given = 0;
        loop {
            let len = block_on(reader.fill_buf()).unwrap().len();
            // Before it is consumed it is in the buffer.
            let there = position.stream_position().unwrap() as usize - given;
            assert!(there <= capacity.max(4), "{there} bytes in a buffer of {capacity}");
            if len == 0 {
                break;
            }
            given += len;
            reader.consume_unpin(len);
        }
    }
}

/// Whatever a read brings that nobody waits for any more, and that a write has waited for, is there for the next one. (The end of
/// a terminal's input comes but once.)
#[test]
fn a_write_swallows_nothing_that_was_read() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let (failed, panicked) = (Err(ErrorKind::TimedOut), Err(ErrorKind::Other));
    for (first, seeks) in
        [(Ok(0), false), (Ok(3), false), (failed, false), (failed, true), (panicked, false), (panicked, true)]
    {
        let (tell, asked, read) = told();
        let mut both = Offloaded::builder().group(&group).build_seekable(Source { read, seeks });
        assert!(poll_and_drop(both.read(&mut [0; 10]), 1).is_none());
        eventually("it reads", || asked.get() > 0);
        tell.send(first.map_err(io::Error::from)).unwrap();
        for _ in 0..2 {
            block_on(both.write_all(b"x")).unwrap();
            block_on(both.with(|_| ())).unwrap();
        }
        assert_eq!(block_on(both.read(&mut [0; 10])).map_err(|error| error.kind()), first);
        tell.send(Ok(5)).unwrap();
        assert_eq!(block_on(both.read(&mut [0; 10])).unwrap(), 5);
    }
}

/// The end that a dropped read has found is not that of a file that was moved or has grown.
#[test]
fn an_end_that_is_none_any_more() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    for grows in [false, true] {
        let mut both = Offloaded::builder().group(&group).build(Cursor::new(b"abc".to_vec()));
        block_on(both.read_exact(&mut [0; 3])).unwrap();
        let held = hold_thread(&group);
        assert!(poll_and_drop(both.read(&mut [0; 10]), 1).is_none());
        held.release();
        group.drain().wait();
        block_on(both.with(
            move |cursor| if grows { cursor.get_mut().extend(b"abc") } else { cursor.set_position(0) },
        ))
        .unwrap();
        let mut again = Vec::new();
        block_on(both.read_to_end(&mut again)).unwrap();
        assert_eq!(again, b"abc");
    }
}

/// Nor is one that came with the last bytes.
#[test]
fn an_end_that_was_read_with_the_bytes_before_it() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut reader = Offloaded::builder().group(&group).read_buffer(4).build(file(2));
    block_on(reader.read_exact(&mut [0])).unwrap();
    group.drain().wait();
    block_on(reader.read_exact(&mut [0])).unwrap();
    block_on(reader.with(|file| file.write_all_at(b"abc", 2))).unwrap().unwrap();
    let mut all = Vec::new();
    block_on(reader.read_to_end(&mut all)).unwrap();
    assert_eq!(all, b"abc");
}

/// Fills whatever it is given with the number of the call, and fails at one of them.
fn fails_at(fails: usize, panics: bool) -> impl FnMut(&mut [u8]) -> io::Result<usize> {
    let mut calls = 0;
    move |buffer| {
        calls += 1;
        if calls == fails && panics {
            expected_panic("a read");
        }
        buffer.fill(calls as u8);
        if calls == fails { Err(ErrorKind::TimedOut.into()) } else { Ok(buffer.len()) }
    }
}

/// Each once, behind what was read before it and before what was read after it; also if reading ahead is stopped meanwhile.
#[test]
fn errors_and_panics_stand_in_their_place() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    for (fails, panics, stops) in
        (1..7).flat_map(|at| [(at, false, false), (at, true, false), (at, false, true), (at, true, true)])
    {
        let mut reader = Offloaded::builder().group(&group).build(Source::new(fails_at(fails, panics)));
        for call in 1..10 {
            let read = block_on(reader.fill_buf()).map(|bytes| (bytes[0], bytes.len()));
            assert_eq!(read.as_ref().ok().map(|read| usize::from(read.0)), (call != fails).then_some(call));
            reader.consume_unpin(read.map_or(0, |read| read.1));
            group.drain().wait();
            if stops {
                block_on(reader.with(|_| ())).unwrap();
            }
        }
    }
}

#[test]
fn more_is_consumed_than_there_is() {
    let _watchdog = watchdog();
    let mut reader = Offloaded::new(Cursor::new(vec![7; 100]));
    block_on(reader.read_exact(&mut [0; 10])).unwrap();
    reader.consume_unpin(usize::MAX);
    assert_eq!(block_on(reader.read_to_end(&mut Vec::new())).unwrap(), 0);
}

/// Claims to seek, and has no position.
#[test]
fn a_device_that_only_pretends_to_seek() {
    let _watchdog = watchdog();
    let mut both = Offloaded::new(File::options().read(true).write(true).open("/dev/zero").unwrap());
    block_on(both.read_exact(&mut [1; 10])).unwrap();
    let there = format!("{both:?}");
    block_on(both.write_all(b"x")).unwrap();
    block_on(both.flush()).unwrap();
    assert_eq!(format!("{both:?}"), there, "what was read stays");
}

/// One that fills whatever it is given, and takes its time for it; or all but a byte, at once.
#[test]
fn the_chunks_of_a_lame_source_stay_small() {
    let _watchdog = watchdog();
    for is_slow in [true, false] {
        let largest = Arc::new(AtomicUsize::new(0));
        let seen = largest.clone();
        let mut reader = Offloaded::new(Source::new(move |buffer| {
            seen.fetch_max(buffer.len(), Ordering::SeqCst);
            if is_slow {
                std::thread::sleep(std::time::Duration::from_millis(110));
            }
            Ok(buffer.len() - usize::from(!is_slow))
        }));
        block_on(reader.read_exact(&mut [0; 50_000])).unwrap();
        assert_eq!(largest.load(Ordering::SeqCst), 16 * 1024);
    }
}

/// Also if it has filled its buffer, and nothing comes behind it.
#[test]
fn what_a_conversation_brings_is_told_at_once() {
    let _watchdog = watchdog();
    let (tell, _, read) = told();
    let mut reader = Offloaded::new(Source::new(read));
    for bytes in [16, 32, 64, 128, 256, 512, 1024, 1024, 1024] {
        tell.send(Ok(bytes * 1024)).unwrap();
        block_on(reader.read_exact(&mut vec![0; bytes * 1024])).unwrap();
    }
    tell.send(Ok(0)).unwrap();
    assert_eq!(block_on(reader.read(&mut [0])).unwrap(), 0);
}

/// A file that is followed as it grows, by steps around the sizes of chunks; and that is cut short.
#[test]
fn a_file_that_grows_and_shrinks() {
    let _watchdog = watchdog();
    let mut writer = tempfile::NamedTempFile::new().unwrap();
    let mut reader = Offloaded::new(writer.reopen().unwrap());
    let mut position = 0;
    for round in 0..60_usize {
        for _ in 0..2 {
            assert_eq!(block_on(reader.read(&mut [0; 10])).unwrap(), 0);
        }
        let bytes = [1, 16_384, 16_383, 32_768, MIB, 262_144, 262_143][round % 7];
        writer.write_all(&vec![round as u8; bytes]).unwrap();
        let mut read = vec![0; bytes];
        block_on(reader.read_exact(&mut read)).unwrap();
        assert!(read.iter().all(|byte| *byte == round as u8));
        position += bytes as u64;
        assert_eq!(block_on(reader.stream_position()).unwrap(), position);
    }
    writer.as_file().set_len(5).unwrap();
    assert_eq!(block_on(reader.read(&mut [0; 10])).unwrap(), 0);
    assert_eq!(block_on(reader.seek(SeekFrom::Start(3))).unwrap(), 3);
    assert_eq!(block_on(reader.read(&mut [0; 10])).unwrap(), 2);
}

/// Directories, files that are made up as they are read, and a file of a tebibyte without content.
#[test]
fn odd_files() {
    let _watchdog = watchdog();
    let mut directory = Offloaded::new(File::open("/").unwrap());
    for _ in 0..3 {
        assert_eq!(block_on(directory.read(&mut [0; 10])).unwrap_err().kind(), ErrorKind::IsADirectory);
    }
    for path in ["/proc/self/maps", "/proc/cpuinfo", "/proc/self/status"] {
        let mut file = Offloaded::new(File::open(path).unwrap());
        let mut all = Vec::new();
        block_on(file.read_to_end(&mut all)).unwrap();
        block_on(file.seek(SeekFrom::Start(0))).unwrap();
        let mut some = [0; 8];
        block_on(file.read_exact(&mut some[..4])).unwrap();
        assert_eq!(block_on(file.with(|file| file.stream_position().unwrap())).unwrap(), 4, "{path}");
        block_on(file.read_exact(&mut some[4..])).unwrap();
        assert_eq!(some, all[..8], "{path}");
    }
    let sparse = tempfile::tempfile().unwrap();
    sparse.set_len(1 << 40).unwrap();
    let mut sparse = Offloaded::new(sparse);
    block_on(sparse.seek(SeekFrom::End(-10_000_000))).unwrap();
    let mut all = Vec::new();
    assert_eq!(block_on(sparse.read_to_end(&mut all)).unwrap(), 10_000_000);
    assert!(all.iter().all(|byte| *byte == 0));
}

/// Whatever a waker does to whom it is left with, the next one is called.
#[test]
fn wakers_that_panic() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    for clones in [true, false] {
        let mut reader = Offloaded::builder().group(&group).build(Cursor::new(vec![7; 100]));
        let held = hold_thread(&group);
        let (bad, good) = (ProbeWaker::new(), ProbeWaker::new());
        if clones {
            bad.panic_when_cloned(true);
            panic_of(|| {
                let _ = pin!(reader.read(&mut [0; 3])).poll(&mut Context::from_waker(bad.waker()));
            });
        } else {
            bad.panic_when_dropped(true);
            assert!(pin!(reader.read(&mut [0; 3])).poll(&mut Context::from_waker(bad.waker())).is_pending());
        }
        assert!(pin!(reader.read(&mut [0; 3])).poll(&mut Context::from_waker(good.waker())).is_pending());
        held.release();
        eventually("the reader hears of it", || good.wakes() > 0);
        // And with one whose drop panics there is something to read at once.
        bad.panic_when_cloned(false);
        bad.panic_when_dropped(true);
        let read = pin!(reader.read(&mut [0; 3])).poll(&mut Context::from_waker(bad.waker()));
        assert!(matches!(read, Poll::Ready(Ok(3))));
    }
}
