use super::{Handle, Logger};
use blocking::Unblock;
use futures::executor::block_on;
use futures::io::AsyncWriteExt;
use std::fs::File;
use std::sync::{Mutex, MutexGuard};

/// For one thread: it belongs to whoever writes.
pub(crate) struct Unblocked(Mutex<Unblock<File>>);

impl Unblocked {
    pub(crate) fn new(file: File) -> Self {
        Self(Mutex::new(Unblock::new(file)))
    }
}

impl Logger for Unblocked {
    type Handle<'a> = MutexGuard<'a, Unblock<File>>;

    /// Locked from its making on, so not once per record.
    fn handle(&self) -> MutexGuard<'_, Unblock<File>> {
        self.0.lock().expect("no panics")
    }

    fn finish(self) {
        block_on(self.handle().close()).expect("closes");
    }
}

impl Handle for MutexGuard<'_, Unblock<File>> {
    #[inline]
    fn log(&mut self, record: &[u8]) {
        block_on(self.write_all(record)).expect("writes");
    }
}
