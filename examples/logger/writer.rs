//! What the offload thread does with the records.

use crate::sink::Sink;
use aside::Group;
use std::cell::RefCell;
use std::sync::Arc;

/// Enough for a write to cost little per record.
const BIG: usize = 64 * 1024;

thread_local! {
    /// The writer of this thread, which has it all to itself: no lock, no atomics.
    static WRITER: RefCell<Option<Writer>> = const { RefCell::new(None) };
}

/// Gathers records and writes them many at a time, but keeps none back when there is nothing else to do.
pub(crate) struct Writer {
    sink: Arc<Sink>,
    /// Whose queue the records come from.
    group: Group,
    buffer: Vec<u8>,
    /// Where the records in the buffer end.
    ends: Vec<usize>,
}

impl Writer {
    pub(crate) fn new(sink: Arc<Sink>, group: Group) -> Self {
        Self { sink, group, buffer: Vec::with_capacity(2 * BIG), ends: Vec::new() }
    }

    /// Makes it this thread's writer.
    pub(crate) fn settle(self) {
        WRITER.set(Some(self));
    }

    /// What each job does: gives a record to this thread's writer.
    pub(crate) fn append(record: &[u8]) {
        WRITER.with_borrow_mut(|writer| {
            let writer =
                writer.as_mut().expect("the group's first job has settled a writer on its only thread");
            writer.take(record);
        });
    }

    fn take(&mut self, record: &[u8]) {
        self.buffer.extend_from_slice(record);
        self.ends.push(self.buffer.len());
        // A record that comes in just after this look is a job of its own, which looks again.
        if self.buffer.len() >= BIG || self.group.stats().queued == 0 {
            self.sink.write(&self.buffer, &self.ends);
            self.buffer.clear();
            self.ends.clear();
        }
    }
}
