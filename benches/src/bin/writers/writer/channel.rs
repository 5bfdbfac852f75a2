use super::{BUFFER, Handle, Logger};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::thread::{self, JoinHandle};

/// As many as tracing-appender takes.
const BOUND: usize = 128_000;

/// A piece of memory per record goes to a thread, which gathers them while there are more.
pub(crate) struct Channel {
    sender: Sender<Vec<u8>>,
    thread: JoinHandle<()>,
}

impl Channel {
    pub(crate) fn new(file: File) -> Self {
        let (sender, receiver) = bounded(BOUND);
        Self { sender, thread: thread::spawn(move || write(&receiver, file)) }
    }
}

fn write(records: &Receiver<Vec<u8>>, file: File) {
    let mut file = BufWriter::with_capacity(BUFFER, file);
    while let Ok(record) = records.recv() {
        file.write_all(&record).expect("writes");
        while let Ok(record) = records.try_recv() {
            file.write_all(&record).expect("writes");
        }
        file.flush().expect("writes");
    }
}

impl Logger for Channel {
    type Handle<'a> = Sender<Vec<u8>>;

    fn handle(&self) -> Sender<Vec<u8>> {
        self.sender.clone()
    }

    fn finish(self) {
        drop(self.sender);
        self.thread.join().expect("does not panic");
    }
}

impl Handle for Sender<Vec<u8>> {
    #[inline]
    fn log(&mut self, record: &[u8]) {
        self.send(record.to_vec()).expect("the thread is there");
    }
}
