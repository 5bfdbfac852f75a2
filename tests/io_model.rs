//! Random schedules of reads, writes, seeks, flushes and dropped futures on an adapter and on the thing itself: they must agree.

mod util;

use aside::Group;
use aside::io::Offloaded;
use futures::executor::block_on;
use futures::future::{Either, select};
use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use std::fmt::Debug;
use std::future::{Future, ready};
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::pin::pin;
use util::source::file_of;
use util::watchdog;

/// Polls once at the least, and drops what is not done then.
async fn or_drop<F: Future>(future: F) -> Option<F::Output> {
    match select(pin!(future), ready(())).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

fn random_target(random: &mut fastrand::Rng, len: i64) -> SeekFrom {
    match random.u32(0..3) {
        0 => SeekFrom::Start(random.u64(0..len as u64 + 10)),
        1 => SeekFrom::Current(random.i64(-len..len)),
        _ => SeekFrom::End(random.i64(-len..10)),
    }
}

/// Runs the same schedule on both, and compares after each step.
async fn compare<T, M>(seed: u64, subject: T, mut model: M, read_buffer: usize, write_buffer: usize)
where
    T: Read + Write + Seek + Send + Debug + 'static,
    M: Read + Write + Seek,
{
    let mut random = fastrand::Rng::with_seed(seed);
    let group = Group::builder().max_threads(2).build().unwrap();
    let builder = Offloaded::builder().group(&group).read_buffer(read_buffer).write_buffer(write_buffer);
    let mut subject = builder.build_seekable(subject);
    for step in 0..200 {
        let context = format!("seed {seed}, step {step}");
        match random.u32(0..10) {
            0..3 => {
                // Short reads are allowed of both: whatever came is compared, and the other one follows.
                let mut buffer = vec![0; random.usize(0..5_000)];
                let read = subject.read(&mut buffer).await.unwrap();
                let mut expected = vec![0; read];
                model.read_exact(&mut expected).expect(&context);
                assert_eq!(buffer[..read], expected, "{context}");
                if read == 0 && !buffer.is_empty() {
                    assert_eq!(model.read(&mut [0]).unwrap(), 0, "{context}: not the end");
                }
            }
            3 => {
                let bytes = subject.fill_buf().await.unwrap();
                let used = random.usize(0..=bytes.len());
                let expected_part = bytes[..used].to_vec();
                subject.consume_unpin(used);
                let mut expected = vec![0; used];
                model.read_exact(&mut expected).expect(&context);
                assert_eq!(expected_part, expected, "{context}");
            }
            4 => {
                // A read that is dropped has read nothing.
                let mut buffer = vec![0; random.usize(1..100)];
                if let Some(read) = or_drop(subject.read(&mut buffer)).await {
                    let mut expected = vec![0; read.unwrap()];
                    model.read_exact(&mut expected).expect(&context);
                    assert_eq!(buffer[..expected.len()], expected, "{context}");
                }
            }
            5..7 => {
                let bytes: Vec<u8> = (0..random.usize(0..3_000)).map(|_| random.u8(..)).collect();
                let written = subject.write(&bytes).await.unwrap();
                model.write_all(&bytes[..written]).unwrap();
            }
            7 => {
                // A write that is dropped has written nothing.
                let bytes: Vec<u8> = (0..random.usize(0..3_000)).map(|_| random.u8(..)).collect();
                if let Some(written) = or_drop(subject.write(&bytes)).await {
                    model.write_all(&bytes[..written.unwrap()]).unwrap();
                }
            }
            8 => {
                let len = model_len(&mut model);
                let to = random_target(&mut random, len);
                match (subject.seek(to).await, model.seek(to)) {
                    (Ok(position), Ok(expected)) => assert_eq!(position, expected, "{context}, {to:?}"),
                    (Err(_), Err(_)) => {}
                    (got, expected) => panic!("{context}, {to:?}: {got:?} instead of {expected:?}"),
                }
            }
            _ => {
                subject.flush().await.unwrap();
                let position = subject.with(|inner| inner.stream_position()).await.unwrap().unwrap();
                assert_eq!(position, model.stream_position().unwrap(), "{context}");
            }
        }
    }
    let mut inner = subject.into_inner().await.unwrap();
    assert_eq!(inner.stream_position().unwrap(), model.stream_position().unwrap(), "seed {seed}");
    let (mut all, mut expected) = (Vec::new(), Vec::new());
    inner.rewind().unwrap();
    model.rewind().unwrap();
    inner.read_to_end(&mut all).unwrap();
    model.read_to_end(&mut expected).unwrap();
    assert_eq!(all.len(), expected.len(), "seed {seed}");
    assert!(all == expected, "seed {seed}");
}

fn model_len<M: Seek>(model: &mut M) -> i64 {
    let position = model.stream_position().unwrap();
    let len = model.seek(SeekFrom::End(0)).unwrap();
    model.seek(SeekFrom::Start(position)).unwrap();
    i64::try_from(len).unwrap().max(1)
}

fn content(seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..random.usize(0..200_000)).map(|_| random.u8(..)).collect()
}

const BUFFERS: [(usize, usize); 4] = [(1, 1), (64, 100), (20_000, 4_096), (1 << 20, 1 << 20)];

#[test]
fn as_a_cursor() {
    let _watchdog = watchdog();
    for seed in 0..60 {
        let (read_buffer, write_buffer) = BUFFERS[seed as usize % BUFFERS.len()];
        let cursor = Cursor::new(content(seed));
        block_on(compare(seed, cursor.clone(), cursor, read_buffer, write_buffer));
    }
}

#[test]
fn as_a_file() {
    let _watchdog = watchdog();
    for seed in 100..140 {
        let (read_buffer, write_buffer) = BUFFERS[seed as usize % BUFFERS.len()];
        let [file, model] = [(); 2].map(|()| file_of(&content(seed)));
        block_on(compare(seed, file, model, read_buffer, write_buffer));
    }
}
