//! A file in memory is read to its end.

use super::Case;
use crate::child::repeated;
use aside::io::Offloaded;
use aside_benches::figures::Figures;
use aside_benches::meter::Meter;
use blocking::Unblock;
use futures::executor::block_on;
use futures::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt};
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

const BUFFER: usize = 64 * 1024;
const TIMES: usize = 3;

/// The file. It has no name, so nothing is left of it, whatever becomes of this process.
pub(crate) struct Input(File);

impl Input {
    pub(crate) fn make(bytes: usize) -> Self {
        let make = |file: io::Result<File>| {
            let mut file = file?;
            let block: Vec<u8> =
                (0..1_u32 << 20).map(|index| index.to_le_bytes()[index as usize % 3]).collect();
            for _ in 0..bytes / block.len() {
                file.write_all(&block)?;
            }
            io::Result::Ok(file)
        };
        let file = make(tempfile::tempfile_in("/dev/shm")).or_else(|_| make(tempfile::tempfile()));
        Self(file.expect("there is room for the file"))
    }

    /// For children. Whoever opens it has a position of their own.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }
}

pub(super) fn run(case: Case, input: &Path, size: usize) -> Figures {
    let gib = size as f64 / f64::from(1 << 30);
    let read: fn(File) -> usize = match case {
        Case::ReadStd => std_file,
        Case::ReadStdSpread => std_file_spread,
        Case::ReadUnblock => |file| block_on(through(Unblock::new(file))),
        Case::ReadUnblockSmall => |file| block_on(through(Unblock::with_capacity(1 << 20, file))),
        Case::ReadUnblockLarge => |file| block_on(through(Unblock::with_capacity(32 << 20, file))),
        Case::ReadTokio => tokio_file,
        Case::ReadAside => |file| block_on(through(Offloaded::new(file))),
        Case::ReadAsideBuf => |file| block_on(through_its_buffer(Offloaded::new(file))),
        other => unreachable!("{} reads no file", other.name()),
    };
    let mut figures = repeated(TIMES, |_| {
        let mut figures = Figures::default();
        let file = File::open(input).expect("the parent keeps it");
        let meter = Meter::start(0);
        let start = Instant::now();
        let bytes = read(file);
        let time = start.elapsed();
        meter.stop_per(gib, &mut figures);
        assert_eq!(bytes, size, "the whole file");
        figures.set("total_ns", time.as_nanos() as f64 / gib);
        figures
    });
    let measured = |key: &str| figures.get(key).expect("is measured");
    let (total, first, cpu) = (measured("total_ns"), measured("first_ns"), measured("cpu_ns"));
    figures.set("rate", 1e9 / total);
    figures.set("first_rate", 1e9 / first);
    figures.set("cpu_ms", cpu / 1e6);
    figures
}

/// The user's buffer. Always at the same place of a page: some processors copy several times slower between places that are the same but
/// for a few bytes, and where the allocator puts it is chance.
struct Buffer(Vec<u8>);

impl Buffer {
    const PAGE: usize = 4096;
    const PLACE: usize = 256;

    fn new() -> Self {
        Self(vec![0; BUFFER + Self::PAGE + Self::PLACE])
    }

    fn bytes(&mut self) -> &mut [u8] {
        let begin = self.0.as_ptr().align_offset(Self::PAGE) + Self::PLACE;
        &mut self.0[begin..begin + BUFFER]
    }
}

fn std_file(mut file: File) -> usize {
    let mut buffer = Buffer::new();
    let buffer = buffer.bytes();
    let mut total = 0;
    loop {
        match file.read(buffer).expect("reads") {
            0 => return total,
            bytes => total += black_box(&buffer[..bytes]).len(),
        }
    }
}

/// As much as an adapter with a buffer of 8 MiB can do at best: the same reads, into as many places.
fn std_file_spread(mut file: File) -> usize {
    const PLACES: usize = 128;
    let mut buffer = vec![0; PLACES * BUFFER + Buffer::PLACE];
    let mut total = 0;
    for place in (0..PLACES).cycle() {
        let begin = Buffer::PLACE + place * BUFFER;
        match file.read(&mut buffer[begin..begin + BUFFER]).expect("reads") {
            0 => break,
            bytes => total += black_box(&buffer[begin..begin + bytes]).len(),
        }
    }
    total
}

async fn through(mut file: impl AsyncRead + Unpin) -> usize {
    let mut buffer = Buffer::new();
    let buffer = buffer.bytes();
    let mut total = 0;
    loop {
        match file.read(buffer).await.expect("reads") {
            0 => return total,
            bytes => total += black_box(&buffer[..bytes]).len(),
        }
    }
}

async fn through_its_buffer(mut file: Offloaded<File>) -> usize {
    let mut total = 0;
    loop {
        match black_box(file.fill_buf().await.expect("reads")).len() {
            0 => return total,
            bytes => {
                total += bytes;
                file.consume_unpin(bytes);
            }
        }
    }
}

fn tokio_file(file: File) -> usize {
    use tokio::io::AsyncReadExt;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let total = runtime.block_on(async {
        let mut file = tokio::fs::File::from_std(file);
        let mut buffer = Buffer::new();
        let buffer = buffer.bytes();
        let mut total = 0;
        loop {
            match file.read(buffer).await.expect("reads") {
                0 => return total,
                bytes => total += black_box(&buffer[..bytes]).len(),
            }
        }
    });
    runtime.shutdown_background();
    total
}
