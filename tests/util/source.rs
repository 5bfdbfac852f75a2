//! Files to read from, and a reader that does as it is told.

use super::{Counter, expected_panic};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::mpsc;

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

/// Which the children of other tests do not inherit.
#[cfg(unix)]
pub fn pipe() -> (std::os::fd::OwnedFd, std::os::fd::OwnedFd) {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap()
}

/// Its path.
#[cfg(unix)]
pub fn make_fifo(dir: &tempfile::TempDir) -> std::path::PathBuf {
    let path = dir.path().join("fifo");
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a string that ends with a zero. (No child is started for it, which would inherit what other tests have open.)
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    path
}

/// Tells a read what to do.
pub type Tell = mpsc::Sender<io::Result<usize>>;

/// A read that does what it is told with the next call, and how often it was called. `Other` is a panic.
pub fn told() -> (Tell, Counter, impl FnMut(&mut [u8]) -> io::Result<usize> + Send + 'static) {
    let ((tell, told), asked) = (mpsc::channel::<io::Result<usize>>(), Counter::new());
    let asking = asked.clone();
    let read = move |_: &mut [u8]| {
        asking.add();
        let answer = told.recv().unwrap();
        if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Other) {
            expected_panic("a read");
        }
        answer
    };
    (tell, asked, read)
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
