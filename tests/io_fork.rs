//! Adapters and standard streams in a forked child. For real.
#![cfg(unix)]

mod util;

use aside::Group;
use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use std::io::{Cursor, Read, SeekFrom, Write};
use util::fork::{alone, forked, forked_with};
use util::process::{child, is_child};
use util::sink::{Sink, poll_and_drop};
use util::{hold_thread, single_thread_group, watchdog};

/// Writes to a pipe, which parent and child share.
#[test]
fn accepted_bytes_are_written_once_by_the_parent() {
    alone("accepted_bytes_are_written_once_by_the_parent", || {
        let (from, to) = rustix::pipe::pipe().unwrap();
        let group = single_thread_group();
        let held = hold_thread(&group);
        let mut writer = Offloaded::builder().group(&group).build(std::fs::File::from(to));
        block_on(writer.write_all(b"accepted")).unwrap();
        assert!(poll_and_drop(writer.flush(), 1).is_none());
        let mut writer = forked_with(writer, |mut writer| {
            assert!(block_on(writer.write(b"x")).is_err());
            assert!(block_on(writer.flush()).is_err());
            assert!(block_on(writer.with(|_| ())).is_err());
            assert!(block_on(writer.read(&mut [0])).is_err());
            assert!(block_on(writer.close()).is_err());
            drop(writer);
        });
        held.release();
        block_on(writer.close()).unwrap();
        let mut all = String::new();
        std::fs::File::from(from).read_to_string(&mut all).unwrap();
        assert_eq!(all, "accepted");
    });
}

#[test]
fn the_child_gets_neither_the_inner_one_nor_what_was_read_ahead() {
    alone("the_child_gets_neither_the_inner_one_nor_what_was_read_ahead", || {
        let mut reader = Offloaded::new(Cursor::new(vec![7; 100_000]));
        block_on(reader.read_exact(&mut [0; 10])).unwrap();
        let mut reader = forked_with(reader, |mut reader| {
            assert!(block_on(reader.read(&mut [0; 10])).is_err());
            let (_, inner, bytes) = block_on(reader.into_inner()).unwrap_err().into_parts();
            assert!(inner.is_none() && bytes.is_empty());
        });
        let mut rest = Vec::new();
        block_on(reader.read_to_end(&mut rest)).unwrap();
        assert_eq!(rest, vec![7; 99_990]);
    });
}

/// An adapter whose jobs are at something, and who waits for them.
fn busy(group: &Group, random: &mut fastrand::Rng) -> Offloaded<Cursor<Vec<u8>>> {
    let builder = Offloaded::builder().group(group).read_buffer(random.usize(4..200_000));
    let mut both = builder.write_buffer(random.usize(1..5_000)).build(Cursor::new(vec![7; 500_000]));
    for _ in 0..random.usize(1..6) {
        let polls = random.usize(1..3);
        match random.u32(0..6) {
            0..2 => drop(poll_and_drop(both.read(&mut [0; 50_000]), polls)),
            2..4 => drop(poll_and_drop(both.write(&[1; 100]), polls)),
            4 => drop(poll_and_drop(both.seek(SeekFrom::Start(7)), polls)),
            _ => drop(poll_and_drop(both.flush(), polls)),
        }
    }
    let _ = poll_and_drop(both.read(&mut [0]), 1);
    if random.bool() {
        let _ = poll_and_drop(both.close(), 1);
    }
    both
}

/// Threads of the parent may be at anything, with any lock in their hands; also of one that was closed. Its halves are no different.
#[test]
fn every_call_fails_in_the_child() {
    alone("every_call_fails_in_the_child", || {
        let group = Group::builder().max_threads(2).build().unwrap();
        for seed in 0..100 {
            let mut random = fastrand::Rng::with_seed(seed);
            let adapters: Vec<_> = (0..20).map(|_| busy(&group, &mut random)).collect();
            drop(forked_with(adapters, |adapters| {
                for mut both in adapters {
                    assert!(block_on(both.read(&mut [0])).is_err());
                    assert!(block_on(both.write(&[0])).is_err());
                    assert!(block_on(both.seek(SeekFrom::Start(0))).is_err());
                    assert!(block_on(both.flush()).is_err());
                    assert!(block_on(both.with(|_| ())).is_err());
                    // One that was closed is.
                    let _ = block_on(both.close());
                    let (mut from, mut to) = both.split();
                    assert!(block_on(from.read(&mut [0])).is_err());
                    assert!(block_on(to.write(&[0])).is_err());
                    assert!(block_on(to.flush()).is_err());
                    drop(from);
                }
            }));
        }
    });
}

#[test]
fn a_closed_one_reads_nothing() {
    let _watchdog = watchdog();
    let mut both = Offloaded::new(Cursor::new(vec![7; 100]));
    block_on(both.read_exact(&mut [0; 10])).unwrap();
    block_on(both.close()).unwrap();
    assert!(block_on(both.read(&mut [0; 10])).is_err());
    let mut sink = Offloaded::new(Sink::new());
    block_on(sink.close()).unwrap();
    assert!(block_on(sink.write(b"x")).is_err());
}

/// What the test writes in a process of its own.
fn output_of(test: &str) -> String {
    let output = child(test).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// With a handle of its own and with one of its parent's.
#[test]
fn standard_output_works_afresh() {
    let _watchdog = watchdog();
    if is_child() {
        let mut out = aside::io::stdout();
        block_on(out.write_all(b"<parent>")).unwrap();
        block_on(out.flush()).unwrap();
        let mut out = forked_with(out, |mut out| {
            block_on(out.write_all(b"<inherited>")).unwrap();
            block_on(out.flush()).unwrap();
            let mut fresh = aside::io::stdout();
            block_on(fresh.write_all(b"<fresh>")).unwrap();
            block_on(fresh.close()).unwrap();
        });
        forked(|| {
            let mut input = [0];
            assert_eq!(block_on(aside::io::stdin().read(&mut input)).unwrap(), 0);
        });
        block_on(out.write_all(b"<again>")).unwrap();
        block_on(out.flush()).unwrap();
        return;
    }
    let text = output_of("standard_output_works_afresh");
    assert!(text.contains("<parent><inherited><fresh><again>"), "{text}");
}

/// What the parent has accepted and not written does not come out of the child.
#[test]
fn a_dirty_standard_output_is_the_parents() {
    let _watchdog = watchdog();
    if is_child() {
        aside::Group::builder().max_threads(1).build_global().unwrap();
        let held = hold_thread(aside::Group::global());
        let mut out = aside::io::stdout();
        block_on(out.write_all(b"<dirty>")).unwrap();
        let mut out = forked_with(out, |mut out| {
            block_on(out.write_all(b"<child>")).unwrap();
            block_on(out.flush()).unwrap();
            std::io::stdout().flush().unwrap();
        });
        held.release();
        block_on(out.flush()).unwrap();
        return;
    }
    let text = output_of("a_dirty_standard_output_is_the_parents");
    assert!(text.contains("<child><dirty>"), "{text}");
    assert_eq!(text.matches("<dirty>").count(), 1);
}
