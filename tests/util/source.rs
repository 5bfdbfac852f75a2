//! Files to read from, and a reader that does as it is told.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

/// With this content, from its beginning.
pub fn file_of(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

/// A pipe to itself: what can be done to a terminal or a serial line.
#[cfg(unix)]
pub fn fifo() -> File {
    let dir = tempfile::tempdir().unwrap();
    File::options().read(true).write(true).open(make_fifo(&dir)).unwrap()
}

/// Its path.
#[cfg(unix)]
pub fn make_fifo(dir: &tempfile::TempDir) -> std::path::PathBuf {
    let path = dir.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// Reads by a closure, swallows what is written, and may claim to have a position.
pub struct Source<F> {
    pub read: F,
    pub seeks: bool,
}

impl<F: FnMut(&mut [u8]) -> io::Result<usize>> Source<F> {
    pub fn new(read: F) -> Self {
        Self { read, seeks: false }
    }
}

impl<F: FnMut(&mut [u8]) -> io::Result<usize>> Read for Source<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.read)(buffer)
    }
}

impl<F> Write for Source<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F> Seek for Source<F> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        if self.seeks { Ok(0) } else { Err(ErrorKind::NotSeekable.into()) }
    }
}
