//! Where the bytes go at last, and what to do when they do not.

use super::errand::Synced;
use crate::os::ready::wait_writable;
#[cfg(unix)]
use crate::os::replace::replace;
use crate::panic::output_of;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

/// What to do about an error of the sink. See [`Builder::on_error`](super::Builder::on_error).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reaction {
    /// Try again, after a pause: 1 ms, doubling up to 100 ms.
    Retry,
    /// Drop the records of this write that are not out yet (up to 64 KiB of them, or one long record), count them, and go on with the next ones.
    Drop,
    /// Write nothing any more. Logging fails from now on, and what waits is lost.
    Stop,
}

impl Reaction {
    /// What is done by default at an error that has come so many times in a row, the first time being 1.
    ///
    /// `Stop` where no later attempt can succeed: the reader of the pipe is gone, the descriptor is not one to write to. Otherwise
    /// (a full disk, an IO error) `Retry` up to 10 times, which takes half a second; then `Drop`, until a write succeeds.
    pub fn default_for(error: &io::Error, attempt: u32) -> Self {
        let is_final = matches!(
            error.kind(),
            ErrorKind::BrokenPipe
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::NotConnected
                | ErrorKind::WriteZero
                | ErrorKind::InvalidInput
                | ErrorKind::Unsupported
        );
        #[cfg(unix)]
        let is_final = is_final || error.raw_os_error() == Some(libc::EBADF);
        if is_final {
            Reaction::Stop
        } else if attempt <= 10 {
            Reaction::Retry
        } else {
            Reaction::Drop
        }
    }
}

/// Runs foreign code of this name on the drain. Its panic is an error that is final.
pub(super) fn call<T>(name: &str, foreign: impl FnOnce() -> T) -> io::Result<T> {
    output_of(foreign).ok_or_else(|| io::Error::other(format!("the log's {name} panicked")))
}

pub(super) type OnError = Arc<dyn Fn(&io::Error, u32) -> Reaction + Send + Sync>;

pub(super) enum Sink {
    /// A descriptor, which a forked child may use as well.
    File(Arc<File>),
    Any(Box<dyn Write + Send>),
}

impl Sink {
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Sink::File(file) => (&**file).write_vectored(slices),
            // Many writers take one slice at a time only; the first must not be empty then.
            Sink::Any(writer) => writer.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::File(_) => Ok(()),
            Sink::Any(writer) => writer.flush(),
        }
    }

    fn sync(&mut self) -> io::Result<Synced> {
        match self {
            Sink::File(file) => match file.sync_data() {
                Ok(()) => Ok(Synced::OnDevice),
                Err(error) if cannot_be_synced(&error) => Ok(Synced::Flushed),
                Err(error) => Err(error),
            },
            Sink::Any(_) => Ok(Synced::Flushed),
        }
    }

    fn wait(&self) {
        match self {
            Sink::File(file) => wait_writable(&**file),
            Sink::Any(_) => sleep(FIRST_PAUSE),
        }
    }
}

/// There is nothing to be synced: a pipe, a terminal, a socket, a device.
#[cfg(unix)]
fn cannot_be_synced(error: &io::Error) -> bool {
    // fsync(2) names the first two; some file systems say the third.
    [libc::EINVAL, libc::EROFS, libc::ENOTSUP].map(Some).contains(&error.raw_os_error())
}

#[cfg(not(unix))]
fn cannot_be_synced(_: &io::Error) -> bool {
    false
}

/// For a log: made if there is none, and each write goes to its end.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(100);

/// Writes to a sink and bears with it.
pub(super) struct Out {
    sink: Sink,
    on_error: OnError,
    /// Errors since the last success.
    attempts: u32,
    /// The last record was left torn: its rest is dropped, and the next one gets a line of its own.
    torn: bool,
    pub(super) writes: u64,
}

impl Out {
    pub(super) fn new(sink: Sink, on_error: OnError) -> Self {
        Self { sink, on_error, attempts: 0, torn: false, writes: 0 }
    }

    /// In a forked child: what foreign code does as it is dropped (an end that it writes, say) the parent does. A descriptor is the child's own, and closed.
    pub(super) fn disown(self) {
        if let Sink::Any(sink) = self.sink {
            std::mem::forget(sink);
        }
    }

    /// How many of the bytes are out: all, or fewer if the rest is to be dropped. The error is one that is final: then nothing must be written any more.
    pub(super) fn write(&mut self, slices: [&[u8]; 2]) -> (usize, io::Result<()>) {
        let newline: &[u8] = if self.torn { b"\n" } else { b"" };
        let parts = [newline, slices[0], slices[1]];
        let all: usize = parts.iter().map(|part| part.len()).sum();
        let mut done = 0;
        let mut outcome = Ok(());
        while done < all {
            let mut skip = done;
            let mut rest = [IoSlice::new(b""); 3];
            let mut count = 0;
            for part in parts {
                let skipped = skip.min(part.len());
                skip -= skipped;
                if skipped < part.len() {
                    rest[count] = IoSlice::new(&part[skipped..]);
                    count += 1;
                }
            }
            self.writes += 1;
            let written = match self.sink.write(&rest[..count]) {
                Ok(0) => Err(ErrorKind::WriteZero.into()),
                written => written,
            };
            match written {
                Ok(n) => {
                    done += n.min(all - done);
                    self.attempts = 0;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.sink.wait(),
                Err(error) => match self.gives_up_at(error) {
                    Ok(None) => {}
                    gives_up => {
                        outcome = gives_up.map(drop);
                        break;
                    }
                },
            }
        }
        if done >= newline.len() {
            self.torn = false;
        }
        (done.saturating_sub(newline.len()), outcome)
    }

    /// The rest of a record was dropped.
    pub(super) fn tore(&mut self) {
        self.torn = true;
    }

    /// The error that was passed over, if there was one.
    ///
    /// # Errors
    ///
    /// One that is final, as of `write`.
    pub(super) fn flush(&mut self) -> io::Result<Option<io::Error>> {
        loop {
            match self.sink.flush() {
                Ok(()) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.sink.wait(),
                Err(error) => {
                    if let Some(error) = self.gives_up_at(error)? {
                        return Ok(Some(error));
                    }
                }
            }
        }
    }

    /// What was written and flushed goes to the device.
    pub(super) fn sync(&mut self) -> io::Result<Synced> {
        loop {
            match self.sink.sync() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                synced => return synced,
            }
        }
    }

    /// Goes on with another file, or with the same one if there is an error.
    pub(super) fn reopen(&mut self, path: &Path) -> io::Result<()> {
        let new = open(path)?;
        let is_empty = new.metadata()?.len() == 0;
        match &mut self.sink {
            // In the place of the old one, which forked children know.
            #[cfg(unix)]
            Sink::File(file) => replace(file, &new)?,
            #[cfg(not(unix))]
            Sink::File(file) => *file = Arc::new(new),
            Sink::Any(_) => return Err(ErrorKind::Unsupported.into()),
        }
        // The torn record is in the old one.
        self.torn &= !is_empty;
        self.attempts = 0;
        Ok(())
    }

    /// `None` to try again, after a pause; the error back if the rest is to be dropped.
    fn gives_up_at(&mut self, error: io::Error) -> io::Result<Option<io::Error>> {
        self.attempts = self.attempts.saturating_add(1);
        let pause = FIRST_PAUSE.saturating_mul(1 << (self.attempts - 1).min(7)).min(LAST_PAUSE);
        match call("`on_error`", || (self.on_error)(&error, self.attempts))? {
            Reaction::Stop => Err(error),
            Reaction::Retry => {
                sleep(pause);
                Ok(None)
            }
            Reaction::Drop => Ok(Some(error)),
        }
    }
}
