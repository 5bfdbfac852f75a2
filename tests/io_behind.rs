//! What is written behind: who is woken for it, what else gets the thread meanwhile, and what is kept in memory.
#![cfg(target_os = "linux")]

mod util;

use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncWrite, AsyncWriteExt};
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use util::probe_waker::ProbeWaker;
use util::process::{eventually, in_child, resident};
use util::sink::{Answer, Scripted, Sink, poll_and_drop, small};
use util::{hold_thread, single_thread_group, watchdog};

fn poll_write(writer: &mut Offloaded<Sink>, probe: &ProbeWaker) -> Poll<std::io::Result<usize>> {
    Pin::new(writer).poll_write(&mut Context::from_waker(probe.waker()), b"x")
}

/// A chunk that has failed comes back to a buffer that is full again. As long as it is written as a whole there is no room.
#[test]
fn a_writer_that_waits_for_a_large_chunk() {
    let _watchdog = watchdog();
    let (sink, probe) = (Sink::new(), ProbeWaker::new());
    let (group, mut writer) = small(&sink);
    sink.on_write(Answer::Fails(ErrorKind::StorageFull));
    let stopped = sink.stop();
    block_on(writer.write_all(b"abcd")).unwrap();
    stopped.until_there();
    block_on(writer.write_all(b"efgh")).unwrap();
    stopped.go_on();
    group.drain().wait();
    sink.on_write(Answer::Works);
    assert!(poll_write(&mut writer, &probe).map(Result::unwrap_err).is_ready());
    let stopped = sink.stop();
    assert!(poll_write(&mut writer, &probe).is_pending());
    stopped.until_there();
    assert!(poll_write(&mut writer, &probe).is_pending());
    let before = probe.wakes();
    stopped.go_on();
    eventually("the writer hears of it", || probe.wakes() > before);
    block_on(writer.write_all(b"i")).unwrap();
    block_on(writer.close()).unwrap();
    assert_eq!(sink.written(), b"abcdefghi");
}

#[test]
fn a_writer_that_is_dropped_while_it_waits_for_room() {
    let _watchdog = watchdog();
    let probe = ProbeWaker::new();
    let (group, mut writer) = small(&Sink::new());
    let _held = hold_thread(&group);
    block_on(writer.write_all(b"abcd")).unwrap();
    assert!(poll_write(&mut writer, &probe).is_pending());
    drop(writer);
    assert_eq!(probe.clones(), probe.drops());
}

/// A writer that is always there with the next bytes does not keep the thread.
#[test]
fn others_get_the_thread() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (group, mut writer) = small(&sink);
    let mut stopped = sink.stop();
    block_on(writer.write_all(b"x")).unwrap();
    stopped.until_there();
    let other = group.offload(|| ());
    let got_it = (0..10_000).any(|_| {
        block_on(writer.write_all(b"x")).unwrap();
        let last = std::mem::replace(&mut stopped, sink.stop());
        last.go_on();
        stopped.until_there();
        other.is_finished()
    });
    assert!(got_it);
}

/// Nobody flushes, and the next bytes come at any time, also as the job that wrote the last ones ends.
#[test]
fn bytes_that_come_as_a_job_ends() {
    let _watchdog = watchdog();
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let mut writer =
        Offloaded::builder().group(&single_thread_group()).build(Scripted(move |bytes: &[u8]| {
            count.fetch_add(bytes.len(), Ordering::SeqCst);
            Ok(bytes.len())
        }));
    for round in 0..50_000 {
        while written.load(Ordering::SeqCst) < round {
            std::hint::spin_loop();
        }
        (0..round % 10).for_each(|_| std::hint::spin_loop());
        assert!(poll_and_drop(writer.write(b"x"), 1).unwrap().is_ok());
    }
}

#[test]
fn no_large_buffer_is_kept() {
    in_child(
        "no_large_buffer_is_kept",
        |_| (),
        || {
            let before = resident();
            let writers: Vec<_> = (0..100)
                .map(|_| {
                    let mut writer = Offloaded::new(std::io::sink());
                    for _ in 0..3 {
                        block_on(writer.write_all(&[7; 1 << 20])).unwrap();
                    }
                    block_on(writer.flush()).unwrap();
                    writer
                })
                .collect();
            aside::Group::global().drain().wait();
            let kept = resident().saturating_sub(before) / writers.len();
            assert!(kept < 1 << 18, "{kept} bytes each");
        },
    );
}
