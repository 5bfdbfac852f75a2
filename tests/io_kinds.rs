//! Files of several kinds: pipes, terminals, files of the system, and one kind that becomes another.
#![cfg(target_os = "linux")]

mod util;

use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use util::sink::poll_and_drop;
use util::{single_thread_group, watchdog};

/// With this content, at its begin.
fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

/// A pipe with three bytes, of which the user has taken one.
async fn pipe_that_was_begun() -> Offloaded<File> {
    let (from, to) = rustix::pipe::pipe().unwrap();
    File::from(to).write_all(b"abc").unwrap();
    let mut both = Offloaded::new(File::from(from));
    both.read_exact(&mut [0]).await.unwrap();
    both
}

async fn put_digits_in_its_place(both: &mut Offloaded<File>) {
    let digits = file(b"0123456789");
    both.with(move |file| *file = digits).await.unwrap();
}

/// A closure puts a file in its place, which has a position, unlike what was there before.
#[test]
fn a_pipe_that_becomes_a_file() {
    let _watchdog = watchdog();
    block_on(async {
        let mut both = pipe_that_was_begun().await;
        both.with(|_| ()).await.unwrap();
        let mut all = String::new();
        both.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "bc", "a closure moves nothing in a pipe");
        put_digits_in_its_place(&mut both).await;
        both.read_exact(&mut [0]).await.unwrap();
        assert_eq!(both.with(|file| file.stream_position().unwrap()).await.unwrap(), 1);
        both.write_all(b"x").await.unwrap();
        both.seek(SeekFrom::Start(0)).await.unwrap();
        all.clear();
        both.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "0x23456789");
    });
}

/// Of the pipe something is unread, which is not to be taken back from the file; and is there still.
#[test]
fn a_pipe_that_becomes_a_file_too_early() {
    let _watchdog = watchdog();
    block_on(async {
        let mut both = pipe_that_was_begun().await;
        put_digits_in_its_place(&mut both).await;
        both.write_all(b"x").await.unwrap();
        let mut all = String::new();
        both.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "bc123456789");
    });
}

/// Once that is used up, all that is read is the file's.
#[test]
fn a_pipe_that_becomes_a_file_when_it_is_used_up() {
    let _watchdog = watchdog();
    block_on(async {
        let mut both = pipe_that_was_begun().await;
        put_digits_in_its_place(&mut both).await;
        let mut bytes = [0; 5];
        both.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"bc012");
        both.write_all(b"x").await.unwrap();
        let mut all = String::new();
        both.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "456789");
    });
}

/// Nothing of the file is mixed with that, also if more is read ahead as long as reads fill their buffers.
#[test]
fn a_flowing_pipe_that_becomes_a_file() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    block_on(async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"abcdefghij").unwrap();
        let mut both =
            Offloaded::builder().group(&group).read_buffer(8).build(File::from(OwnedFd::from(ours)));
        both.read_exact(&mut [0]).await.unwrap();
        // It turns out to have no position, and flows on.
        both.write_all(b"y").await.unwrap();
        both.read_exact(&mut [0; 4]).await.unwrap();
        group.drain().await;
        put_digits_in_its_place(&mut both).await;
        let mut bytes = [0; 2];
        both.read_exact(&mut bytes).await.unwrap();
        group.drain().await;
        both.write_all(b"x").await.unwrap();
        let mut bytes = [0; 3];
        both.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"h12");
        both.write_all(b"x").await.unwrap();
        let mut all = String::new();
        both.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "456789");
    });
}

/// Both sides of a terminal: an answer after a question, the end that comes but once, and the next line behind it.
#[test]
fn a_terminal() {
    let _watchdog = watchdog();
    let mut pair = [0; 2];
    let nothing = std::ptr::null_mut();
    let [user, terminal] = &mut pair;
    // SAFETY: the two integers are there, and the rest is not asked for.
    let opened = unsafe { libc::openpty(user, terminal, nothing, nothing.cast(), nothing.cast()) };
    assert_eq!(opened, 0);
    // SAFETY: just opened, and owned by nobody else.
    let [mut user, terminal] = pair.map(|fd| File::from(unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) }));
    let group = single_thread_group();
    let mut terminal = Offloaded::builder().group(&group).build(terminal);
    block_on(async {
        terminal.write_all(b"who? ").await.unwrap();
        terminal.flush().await.unwrap();
        let mut seen = [0; 5];
        user.read_exact(&mut seen).unwrap();
        assert_eq!(&seen, b"who? ");
        // Begins to wait, and is dropped.
        assert!(poll_and_drop(terminal.read(&mut [0; 1]), 1).is_none());
        user.write_all(b"I\nyou\n\x04").unwrap();
        let mut line = [0; 10];
        assert_eq!(terminal.read(&mut line[..1]).await.unwrap(), 1);
        terminal.write_all(b"and? ").await.unwrap();
        assert_eq!(terminal.read(&mut line[1..]).await.unwrap(), 1);
        assert_eq!(&line[..2], b"I\n", "a write takes nothing back");
        assert_eq!(terminal.read(&mut line).await.unwrap(), 4);
        assert_eq!(&line[..4], b"you\n");
        assert_eq!(terminal.read(&mut line).await.unwrap(), 0);
        user.write_all(b"again\n").unwrap();
        assert_eq!(terminal.read(&mut line).await.unwrap(), 6);
        terminal.close().await.unwrap();
    });
}

/// The file that it is at says nothing of its content before it is read, and gives it in parts.
#[test]
fn a_file_of_the_system_that_is_read_in_parts() {
    let _watchdog = watchdog();
    let path = "/proc/self/limits";
    let expected = std::fs::read(path).unwrap();
    for read_buffer in [1, 100, 400, 1 << 20] {
        let mut file = Offloaded::builder().read_buffer(read_buffer).build(File::open(path).unwrap());
        block_on(async {
            let mut all = vec![0; expected.len()];
            for (number, part) in all.chunks_mut(13).enumerate() {
                file.read_exact(part).await.unwrap();
                if number % 5 == 0 {
                    let position = file.with(|file| file.stream_position().unwrap()).await.unwrap();
                    assert_eq!(position as usize, number * 13 + part.len());
                }
            }
            assert!(all == expected);
            for _ in 0..3 {
                assert_eq!(file.read(&mut [0; 10]).await.unwrap(), 0);
            }
        });
    }
}
