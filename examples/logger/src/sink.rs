//! Where the bytes go at last, whatever way they came.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// How long to leave a stdout alone that is non-blocking and full. A logger would poll the descriptor.
const NAP: Duration = Duration::from_micros(200);
/// A terminal, a disk, a program that reads: all stall at times. When told to, this one does after so many bytes,
pub(crate) const STALL_EVERY: usize = 256 * 1024;
/// for so long.
pub(crate) const STALL: Duration = Duration::from_millis(20);

/// A file, pipe or terminal that several threads write to, until a write fails. Counts what got through. Clones are the same sink.
#[derive(Clone)]
pub(crate) struct Sink(Arc<Shared>);

struct Shared {
    output: Mutex<Output>,
    stop: OnceLock<io::Error>,
}

struct Output {
    file: File,
    count: Count,
    stalls: bool,
    /// Bytes since the last stall.
    unstalled: usize,
}

/// What has been written.
#[derive(Clone, Copy)]
pub(crate) struct Count {
    newlines: u64,
    /// The last byte was none.
    is_amid_line: bool,
    pub(crate) writes: u64,
}

impl Count {
    /// Of which the last may lack its newline.
    pub(crate) fn lines(&self) -> u64 {
        self.newlines + u64::from(self.is_amid_line)
    }
}

impl Sink {
    pub(crate) fn new(file: File) -> Self {
        let count = Count { newlines: 0, is_amid_line: false, writes: 0 };
        let output = Mutex::new(Output { file, count, stalls: false, unstalled: 0 });
        Self(Arc::new(Shared { output, stop: OnceLock::new() }))
    }

    pub(crate) fn set_stalls(&self, stalls: bool) {
        self.lock().stalls = stalls;
    }

    /// Lets nothing more be written.
    pub(crate) fn fail(&self, error: io::Error) {
        // The first error is the one to tell about.
        let _ = self.0.stop.set(error);
    }

    /// Why nothing more is written, if that is so.
    pub(crate) fn stop(&self) -> Option<&io::Error> {
        self.0.stop.get()
    }

    pub(crate) fn count(&self) -> Count {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Output> {
        self.0.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Output {
    /// One write, and what comes of it.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.stalls && self.unstalled >= STALL_EVERY {
            self.unstalled = 0;
            thread::sleep(STALL);
        }
        let written = loop {
            self.count.writes += 1;
            match self.file.write_vectored(slices) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => break n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(NAP),
                Err(error) => return Err(error),
            }
        };
        self.unstalled += written;
        let mut rest = written;
        for slice in slices {
            let part = &slice[..rest.min(slice.len())];
            rest -= part.len();
            if let Some(last) = part.last() {
                self.count.newlines += part.iter().filter(|&&byte| byte == b'\n').count() as u64;
                self.count.is_amid_line = *last != b'\n';
            }
        }
        Ok(written)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut output = self.lock();
        if let Some(stop) = self.stop() {
            return Err(stop.kind().into());
        }
        output.write(slices).inspect_err(|error| self.fail(copy_of(error)))
    }

    /// A line whole, if its writer is the only one to write lines so.
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut output = self.lock();
        if let Some(stop) = self.stop() {
            return Err(stop.kind().into());
        }
        while !bytes.is_empty() {
            let written =
                output.write(&[IoSlice::new(bytes)]).inspect_err(|error| self.fail(copy_of(error)))?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Errors cannot be cloned.
pub(crate) fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
