//! Where the bytes go at last.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// How long to leave a stdout alone that is non-blocking and full. A logger would poll the descriptor.
const NAP: Duration = Duration::from_micros(200);

/// A file, pipe or terminal that several threads write to, until a write fails. Counts what got through.
pub(crate) struct Sink {
    output: Mutex<Output>,
    stop: OnceLock<io::Error>,
}

struct Output {
    file: File,
    records: u64,
}

impl Sink {
    pub(crate) fn new(file: File) -> Self {
        Self { output: Mutex::new(Output { file, records: 0 }), stop: OnceLock::new() }
    }

    /// Writes whole records, which end at `ends`. False if the sink has stopped.
    pub(crate) fn write(&self, bytes: &[u8], ends: &[usize]) -> bool {
        let mut output = self.lock();
        if self.stop().is_some() {
            return false;
        }
        let (written, result) = write_all(&mut output.file, bytes);
        output.records += ends.partition_point(|&end| end <= written) as u64;
        result.map_err(|error| self.fail(error)).is_ok()
    }

    /// Lets nothing more be written.
    pub(crate) fn fail(&self, error: io::Error) {
        // The first error is the one to tell about.
        let _ = self.stop.set(error);
    }

    /// Why nothing more is written, if that is so.
    pub(crate) fn stop(&self) -> Option<&io::Error> {
        self.stop.get()
    }

    /// How many records have been written whole.
    pub(crate) fn records(&self) -> u64 {
        self.lock().records
    }

    fn lock(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As `Write::write_all`, but says how far it got, and bears with a non-blocking file.
fn write_all(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(NAP),
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}
