use super::{Handle, Logger};
use std::fs::File;
use std::io::Write;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

/// By its defaults, but that it waits where it would drop records.
pub(crate) struct Appender {
    pub(crate) writer: NonBlocking,
    guard: WorkerGuard,
}

impl Appender {
    pub(crate) fn new(file: File) -> Self {
        let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(file);
        Self { writer, guard }
    }
}

impl Logger for Appender {
    type Handle<'a> = NonBlocking;

    fn handle(&self) -> NonBlocking {
        self.writer.clone()
    }

    /// Gives up after a second or so.
    fn finish(self) {
        drop(self.guard);
    }
}

impl Handle for NonBlocking {
    #[inline]
    fn log(&mut self, record: &[u8]) {
        self.write_all(record).expect("takes it");
    }
}
