//! Adapters in great numbers, moved between tasks, with writes and seeks of awkward sizes, and next to `std`.

mod util;

use aside::Group;
use aside::io::Offloaded;
use futures::executor::block_on;
use futures::future::join_all;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use std::io::{Cursor, ErrorKind, SeekFrom};
use util::probe_waker::ProbeWaker;
use util::sink::{Sink, poll_and_drop, small};
use util::{Counter, hold_thread, single_thread_group, watchdog};

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

#[test]
fn ten_thousand_at_once() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(4).build().unwrap();
    let tasks = (0..10_000_usize).map(|number| {
        let adapter = Offloaded::builder().group(&group).write_buffer(16).build(Cursor::new(Vec::new()));
        async move {
            let mut adapter = adapter;
            let text = format!("{number} is the number of this one");
            adapter.write_all(text.as_bytes()).await?;
            adapter.seek(SeekFrom::Start(0)).await?;
            let mut read = String::new();
            adapter.read_to_string(&mut read).await?;
            assert_eq!(read, text);
            adapter.flush().await?;
            let inner = adapter.into_inner().await?.into_inner();
            assert_eq!(inner, text.as_bytes());
            std::io::Result::Ok(())
        }
    });
    for outcome in block_on(join_all(tasks)) {
        outcome.unwrap();
    }
    group.drain().wait();
}

/// The last one who polled is woken, on whatever thread.
#[test]
fn a_writer_that_moves_while_it_waits_for_room() {
    let _watchdog = watchdog();
    for by_thread in [false, true] {
        let sink = Sink::new();
        let (group, mut writer) = small(&sink);
        let held = hold_thread(&group);
        block_on(writer.write_all(b"abcd")).unwrap();
        let (old, new) = (ProbeWaker::new(), ProbeWaker::new());
        let poll = |writer: &mut Offloaded<Sink>, probe: &ProbeWaker| {
            let mut cx = std::task::Context::from_waker(probe.waker());
            futures::io::AsyncWrite::poll_write(std::pin::Pin::new(writer), &mut cx, b"ef").is_ready()
        };
        assert!(!poll(&mut writer, &old));
        if by_thread {
            let task = std::thread::spawn(move || {
                // Its first poll comes before the release or after: both must do.
                block_on(async {
                    writer.write_all(b"ef").await?;
                    writer.close().await
                })
            });
            held.release();
            task.join().unwrap().unwrap();
        } else {
            assert!(!poll(&mut writer, &new));
            held.release();
            group.drain().wait();
            assert_eq!((old.wakes(), new.wakes()), (0, 1));
            assert!(poll(&mut writer, &new));
            block_on(writer.close()).unwrap();
        }
        assert_eq!(sink.written(), b"abcdef");
    }
}

/// Dropped before it has begun it does not run, and what was accepted before is written all the same.
#[test]
fn a_closure_whose_future_is_dropped() {
    let _watchdog = watchdog();
    for polls in 0..4 {
        let (sink, ran) = (Sink::new(), Counter::new());
        let group = single_thread_group();
        let mut writer = Offloaded::builder().group(&group).build(sink.clone());
        let held = hold_thread(&group);
        block_on(writer.write_all(b"ab")).unwrap();
        let count = ran.clone();
        assert!(poll_and_drop(writer.with(move |_| count.add()), polls).is_none());
        block_on(writer.write_all(b"cd")).unwrap();
        held.release();
        assert_eq!(block_on(writer.with(|sink| sink.written())).unwrap(), b"abcd");
        assert_eq!(ran.get(), 0);
        block_on(writer.close()).unwrap();
    }
}

/// The same where it waits for the position, which it has then.
#[test]
fn a_closure_that_is_dropped_while_the_position_moves() {
    let _watchdog = watchdog();
    for polls in 0..6 {
        let group = single_thread_group();
        let mut both = Offloaded::builder().group(&group).build(Cursor::new(content(100)));
        block_on(both.read_exact(&mut [0; 10])).unwrap();
        let held = hold_thread(&group);
        assert!(poll_and_drop(both.with(|_| unreachable!()), polls).is_none());
        held.release();
        let mut next = [0; 2];
        block_on(both.read_exact(&mut next)).unwrap();
        assert_eq!(next, [10, 11]);
        assert_eq!(block_on(both.with(|cursor| cursor.position())).unwrap(), 12);
    }
}

#[test]
fn more_than_the_buffer_takes() {
    let _watchdog = watchdog();
    let expected = content(123_456);
    for piece in [1, 99, 100, 101, 123_456] {
        let sink = Sink::new();
        let mut writer = Offloaded::builder().write_buffer(100).build(sink.clone());
        block_on(async {
            for part in expected.chunks(piece) {
                writer.write_all(part).await?;
            }
            writer.close().await
        })
        .unwrap();
        assert!(sink.written() == expected);
        assert!(sink.largest() <= 100, "{} bytes at once", sink.largest());
    }
}

#[test]
fn the_smallest_buffers() {
    let _watchdog = watchdog();
    let mut both = Offloaded::builder().read_buffer(0).write_buffer(0).build(Cursor::new(Vec::new()));
    let mut read = Vec::new();
    block_on(async {
        both.write_all(&content(100)).await?;
        both.seek(SeekFrom::Start(0)).await?;
        both.read_to_end(&mut read).await
    })
    .unwrap();
    assert_eq!(read, content(100));
}

#[test]
fn seeks_out_of_range() {
    let _watchdog = watchdog();
    let mut both = Offloaded::new(Cursor::new(content(100)));
    let impossible = [SeekFrom::Current(i64::MIN), SeekFrom::Current(-11), SeekFrom::End(i64::MIN)];
    block_on(both.read_exact(&mut [0; 10])).unwrap();
    for to in impossible {
        for _ in 0..2 {
            assert_eq!(block_on(both.seek(to)).unwrap_err().kind(), ErrorKind::InvalidInput, "{to:?}");
        }
        assert_eq!(block_on(both.stream_position()).unwrap(), 10, "after {to:?}");
    }
    // Far behind the end, where the next step would leave the numbers.
    assert_eq!(block_on(both.seek(SeekFrom::Start(u64::MAX))).unwrap(), u64::MAX);
    assert_eq!(block_on(both.seek(SeekFrom::Current(1))).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(block_on(both.read(&mut [0; 10])).unwrap(), 0);
    assert!(block_on(both.seek(SeekFrom::Current(i64::MAX))).is_err());
    assert_eq!(block_on(both.seek(SeekFrom::End(-1))).unwrap(), 99);
    let mut last = Vec::new();
    block_on(both.read_to_end(&mut last)).unwrap();
    assert_eq!(last, [99]);
    block_on(both.close()).unwrap();
}

/// A file whose writes go to its end wherever it was read, against the same done with `std`.
#[test]
fn a_file_that_appends() {
    use std::io::{Read, Seek, Write};
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content(50_000)).unwrap();
        std::fs::File::options().read(true).append(true).open(path).unwrap()
    };
    for seed in 0..20 {
        let (mut plain, mut adapter) = (open("plain"), Offloaded::new(open("adapted")));
        let mut random = fastrand::Rng::with_seed(seed);
        for step in 0..100 {
            let amount = random.usize(1..20_000);
            match random.u32(0..4) {
                0 => {
                    let part = content(amount % 300);
                    plain.write_all(&part).unwrap();
                    block_on(adapter.write_all(&part)).unwrap();
                }
                1 => {
                    let to = SeekFrom::Start(amount as u64);
                    assert_eq!(plain.seek(to).unwrap(), block_on(adapter.seek(to)).unwrap());
                }
                2 => {
                    let position = plain.stream_position().unwrap();
                    assert_eq!(position, block_on(adapter.stream_position()).unwrap(), "{seed} {step}");
                }
                _ => {
                    let mut expected = Vec::new();
                    (&mut plain).take(amount as u64).read_to_end(&mut expected).unwrap();
                    let mut read = Vec::new();
                    block_on((&mut adapter).take(amount as u64).read_to_end(&mut read)).unwrap();
                    assert!(read == expected, "{seed} {step}: {} and {}", read.len(), expected.len());
                }
            }
        }
        block_on(adapter.close()).unwrap();
        let [one, other] = ["plain", "adapted"].map(|name| std::fs::read(dir.path().join(name)).unwrap());
        assert!(one == other);
    }
}

/// What a terminal is: no position, though the type has one. Nothing that was read is lost by a write.
#[cfg(target_os = "linux")]
#[test]
fn a_file_without_a_position() {
    let _watchdog = watchdog();
    let mut both = Offloaded::new(util::source::fifo());
    for round in 0..3 {
        block_on(both.write_all(b"abcdef")).unwrap();
        let mut some = [0; 2];
        block_on(both.read_exact(&mut some)).unwrap();
        assert_eq!(&some, b"ab");
        // Four bytes are read ahead by now, and stay.
        block_on(both.write_all(b"gh")).unwrap();
        block_on(both.flush()).unwrap();
        let mut rest = [0; 6];
        block_on(both.read_exact(&mut rest)).unwrap();
        assert_eq!(&rest, b"cdefgh", "round {round}");
    }
    assert_eq!(block_on(both.seek(SeekFrom::Start(0))).unwrap_err().kind(), ErrorKind::NotSeekable);
    block_on(both.close()).unwrap();
}
