//! Pipes without another end, full devices, and writers and readers that do less than they are asked to.
#![cfg(target_os = "linux")]

mod util;

use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use util::sink::poll_and_drop;
use util::source::{make_fifo, pipe};
use util::{hold_thread, single_thread_group, watchdog};

#[test]
fn a_full_device() {
    let _watchdog = watchdog();
    let mut full = Offloaded::new(File::options().write(true).open("/dev/full").unwrap());
    block_on(full.write_all(b"lost?")).unwrap();
    for _ in 0..5 {
        assert_eq!(block_on(full.flush()).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(block_on(full.close()).unwrap_err().kind(), ErrorKind::StorageFull);
    }
    let (error, file, bytes) = block_on(full.into_inner()).unwrap_err().into_parts();
    assert_eq!((error.kind(), file.is_some(), &*bytes), (ErrorKind::StorageFull, true, &b"lost?"[..]));
}

#[test]
fn a_pipe_whose_reader_stalls_and_goes() {
    let _watchdog = watchdog();
    let (from, to) = pipe();
    let (mut from, mut to) =
        (File::from(from), Offloaded::builder().write_buffer(1_000).build(File::from(to)));
    let content: Vec<u8> = (0..500_000_u32).map(|n| (n % 251) as u8).collect();
    let mut accepted = 0;
    while let Some(written) = poll_and_drop(to.write(&content[accepted..]), 2) {
        accepted += written.unwrap();
    }
    let reader = std::thread::spawn(move || {
        let mut all = vec![0; 500_000];
        from.read_exact(&mut all).unwrap();
        all
    });
    block_on(to.write_all(&content[accepted..])).unwrap();
    block_on(to.flush()).unwrap();
    assert!(reader.join().unwrap() == content);
    block_on(to.write_all(b"x")).unwrap();
    for _ in 0..3 {
        assert_eq!(block_on(to.flush()).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}

/// Does one byte at a time, with an interruption before each.
struct Slow(Vec<u8>, bool);

impl Slow {
    fn interrupts(&mut self) -> bool {
        self.1 = !self.1;
        self.1
    }
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.interrupts() {
            return Err(ErrorKind::Interrupted.into());
        }
        self.0.push(bytes[0]);
        Ok(1)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.interrupts() { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupts() {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.0.is_empty() {
            return Ok(0);
        }
        buffer[0] = self.0.remove(0);
        Ok(1)
    }
}

#[test]
fn one_byte_at_a_time() {
    let _watchdog = watchdog();
    let mut both = Offloaded::new(Slow(Vec::new(), false));
    block_on(both.write_all(b"byte by byte")).unwrap();
    block_on(both.flush()).unwrap();
    let mut all = String::new();
    block_on(both.read_to_string(&mut all)).unwrap();
    assert_eq!(all, "byte by byte");
}

/// Claims more than it was given; or nothing.
struct Liar(usize);

impl Write for Liar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.saturating_mul(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Liar {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.saturating_mul(buffer.len()))
    }
}

#[test]
fn numbers_that_cannot_be() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut liar = Offloaded::builder().group(&group).build(Liar(usize::MAX));
    // Written by the flush.
    let held = hold_thread(&group);
    assert!(poll_and_drop(liar.flush(), 1).is_none());
    block_on(liar.write_all(b"abc")).unwrap();
    held.release();
    block_on(liar.flush()).unwrap();
    block_on(liar.read_exact(&mut [0; 100_000])).unwrap();
    let mut nothing = Offloaded::new(Liar(0));
    block_on(nothing.write_all(b"abc")).unwrap();
    assert_eq!(block_on(nothing.close()).unwrap_err().kind(), ErrorKind::WriteZero);
}

#[test]
fn a_fifo_whose_writer_pauses() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let path = make_fifo(&dir);
    let opening = aside::offload({
        let path = path.clone();
        move || File::open(path)
    });
    assert_eq!(aside::offload(|| 1).wait(), 1);
    let mut to = File::options().write(true).open(&path).unwrap();
    let mut from = Offloaded::new(opening.wait().unwrap());
    for part in [&b"one"[..], b"two", b"three"] {
        for polls in 0..3 {
            assert!(poll_and_drop(from.read(&mut [0; 10]), polls).is_none());
        }
        to.write_all(part).unwrap();
        let mut read = vec![0; part.len()];
        block_on(from.read_exact(&mut read)).unwrap();
        assert_eq!(read, part);
    }
}
