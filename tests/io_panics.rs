//! A reader or writer that panics, wherever it can: the error is told once, and what comes after works or fails, but does not hang.

mod util;

use aside::Group;
use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use util::sink::poll_and_drop;
use util::{Counter, expected_panic, hush, panic_message_of, single_thread_group, watchdog};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Read = 1,
    Write,
    Flush,
    Seek,
    Drop,
}

/// Panics at the calls of one kind, so often.
#[derive(Clone, Default)]
struct Orders(Arc<(AtomicUsize, AtomicUsize)>);

impl Orders {
    fn panic_at(&self, call: Call, times: usize) {
        self.0.0.store(call as usize, Ordering::SeqCst);
        self.0.1.store(times, Ordering::SeqCst);
    }

    fn come_to(&self, call: Call) {
        let (kind, times) = &*self.0;
        let less = |times: usize| times.checked_sub(1);
        if kind.load(Ordering::SeqCst) == call as usize
            && times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
        {
            expected_panic("as it was told to");
        }
    }
}

/// Reads counted bytes without an end.
struct Touchy {
    orders: Orders,
    position: u64,
    written: Vec<u8>,
    drops: Counter,
}

impl Read for Touchy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.orders.come_to(Call::Read);
        for byte in &mut *buffer {
            *byte = (self.position % 251) as u8;
            self.position += 1;
        }
        Ok(buffer.len())
    }
}

impl Write for Touchy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.orders.come_to(Call::Write);
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.orders.come_to(Call::Flush);
        Ok(())
    }
}

impl Seek for Touchy {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.orders.come_to(Call::Seek);
        if let SeekFrom::Start(position) = to {
            self.position = position;
        }
        Ok(self.position)
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        self.drops.add();
        self.orders.come_to(Call::Drop);
    }
}

fn touchy() -> (Orders, Counter, Offloaded<Touchy>) {
    touchy_of(&single_thread_group())
}

/// With room for four bytes.
fn touchy_of(group: &Group) -> (Orders, Counter, Offloaded<Touchy>) {
    hush();
    let (orders, drops) = (Orders::default(), Counter::new());
    let inner = Touchy { orders: orders.clone(), position: 0, written: Vec::new(), drops: drops.clone() };
    (orders, drops, Offloaded::builder().group(group).write_buffer(4).build(inner))
}

#[track_caller]
fn assert_panicked<T>(result: io::Result<T>) {
    let error = result.map(drop).unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
}

#[test]
fn in_read() {
    let _watchdog = watchdog();
    for times in 1..4 {
        let (orders, drops, mut reader) = touchy();
        orders.panic_at(Call::Read, times);
        for _ in 0..times {
            assert_panicked(block_on(reader.read(&mut [0; 10])));
        }
        let mut bytes = [0; 100_000];
        block_on(reader.read_exact(&mut bytes)).unwrap();
        assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
        block_on(reader.close()).unwrap();
        assert_eq!(drops.get(), 1);
    }
}

/// Of a read that was made ahead of the user: told behind the bytes that came before it, once.
#[test]
fn in_a_read_ahead() {
    let _watchdog = watchdog();
    let (orders, _, mut reader) = touchy();
    let mut all = vec![0; 16 * 1024];
    block_on(reader.read_exact(&mut all)).unwrap();
    orders.panic_at(Call::Read, 1);
    let mut told = 0;
    for _ in 0..10_000 {
        let mut bytes = [0; 1_000];
        match block_on(reader.read(&mut bytes)) {
            Ok(read) => all.extend_from_slice(&bytes[..read]),
            Err(error) => {
                assert_panicked::<()>(Err(error));
                told += 1;
            }
        }
    }
    assert_eq!(told, 1);
    // It panicked before it had touched anything, so nothing is missing.
    assert!(all.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
}

#[test]
fn in_a_read_whose_future_was_dropped() {
    let _watchdog = watchdog();
    let (orders, _, mut reader) = touchy();
    orders.panic_at(Call::Read, 1);
    if poll_and_drop(reader.read(&mut [0; 10]), 1).is_none() {
        assert_panicked(block_on(reader.read(&mut [0; 10])));
    }
    block_on(reader.read_exact(&mut [0; 10])).unwrap();
    block_on(reader.seek(SeekFrom::Start(5))).unwrap();
    let mut byte = [0];
    block_on(reader.read_exact(&mut byte)).unwrap();
    assert_eq!(byte, [5]);
}

#[test]
fn in_write_flush_and_seek() {
    let _watchdog = watchdog();
    let (orders, drops, mut both) = touchy();
    orders.panic_at(Call::Write, 1);
    block_on(both.write_all(b"abc")).unwrap();
    assert_panicked(block_on(both.flush()));
    block_on(both.flush()).unwrap();
    orders.panic_at(Call::Flush, 2);
    assert_panicked(block_on(both.flush()));
    assert_panicked(block_on(both.close()));
    block_on(both.flush()).unwrap();
    for to in [SeekFrom::Start(7), SeekFrom::Current(0), SeekFrom::End(0)] {
        orders.panic_at(Call::Seek, 1);
        assert_panicked(block_on(both.seek(to)));
        // And one that nobody hears of.
        orders.panic_at(Call::Seek, 1);
        if poll_and_drop(both.seek(to), 1).is_none() {
            block_on(both.write_all(b"d")).unwrap();
        }
        block_on(both.seek(to)).unwrap();
    }
    block_on(both.write_all(b"e")).unwrap();
    let written = block_on(both.with(|inner| inner.written.clone())).unwrap();
    assert!(written.starts_with(b"abc") && written.ends_with(b"e"));
    block_on(both.close()).unwrap();
    assert_eq!(drops.get(), 1);
}

#[test]
fn in_a_closure() {
    let _watchdog = watchdog();
    let (_, drops, mut both) = touchy();
    block_on(both.write_all(b"abc")).unwrap();
    let message = panic_message_of(|| block_on(both.with(|_| expected_panic("a closure"))).unwrap());
    assert!(message.contains("a closure"));
    block_on(both.write_all(b"def")).unwrap();
    assert_eq!(block_on(both.with(|inner| inner.written.len())).unwrap(), 6);
    drop(block_on(both.into_inner()).unwrap());
    assert_eq!(drops.get(), 1);
}

#[test]
fn in_drop() {
    let _watchdog = watchdog();
    // Closed: told once, and closed it is.
    let (orders, drops, mut both) = touchy();
    orders.panic_at(Call::Drop, 1);
    block_on(both.write_all(b"abc")).unwrap();
    assert_panicked(block_on(both.close()));
    block_on(both.close()).unwrap();
    assert!(block_on(both.write(b"x")).is_err());
    assert!(block_on(both.read(&mut [0])).is_err());
    assert!(block_on(both.flush()).is_err());
    drop(both);
    assert_eq!(drops.get(), 1);
    // Dropped: told nobody, and the group goes on.
    for polls in 0..3 {
        let group = single_thread_group();
        let (orders, drops, mut both) = touchy_of(&group);
        orders.panic_at(Call::Drop, 1);
        block_on(both.write_all(b"abc")).unwrap();
        let _ = poll_and_drop(both.close(), polls);
        drop(both);
        group.drain().wait();
        assert_eq!(group.offload(|| 1).wait(), 1);
        group.drain().wait();
        assert_eq!(drops.get(), 1);
    }
}

/// With everything panicking, all ends.
#[test]
fn in_the_last_flush() {
    let _watchdog = watchdog();
    for call in [Call::Write, Call::Flush] {
        let group = single_thread_group();
        let (orders, drops, mut writer) = touchy_of(&group);
        orders.panic_at(call, usize::MAX);
        let _ = block_on(writer.write_all(b"abcdefgh"));
        let _ = block_on(writer.flush());
        drop(writer);
        group.drain().wait();
        group.offload(|| ()).wait();
        group.drain().wait();
        assert_eq!(drops.get(), 1);
    }
}
