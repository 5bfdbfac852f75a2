use super::{BUFFER, Handle, Logger};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Mutex;

/// The usual thing in programs that care a little: nothing is written before the buffer is full.
pub(crate) struct Buffered(pub(crate) Mutex<BufWriter<File>>);

impl Buffered {
    pub(crate) fn new(file: File) -> Self {
        Self(Mutex::new(BufWriter::with_capacity(BUFFER, file)))
    }
}

impl Logger for Buffered {
    type Handle<'a> = &'a Mutex<BufWriter<File>>;

    fn handle(&self) -> &Mutex<BufWriter<File>> {
        &self.0
    }

    fn settle(&self) {
        self.0.lock().expect("no panics").flush().expect("writes");
    }

    fn finish(self) {
        self.settle();
    }
}

impl Handle for &Mutex<BufWriter<File>> {
    #[inline]
    fn log(&mut self, record: &[u8]) {
        self.lock().expect("no panics").write_all(record).expect("writes");
    }
}
