use super::{Handle, Logger};
use aside::Deadline;
use aside::log::{Guard, Order, Writer};
use std::fs::File;

pub(crate) struct Aside {
    pub(crate) writer: Writer,
    guard: Guard,
}

impl Aside {
    pub(crate) fn new(file: File, order: Order) -> Self {
        let (writer, guard) = Writer::builder().fd(file.into()).order(order).build().expect("a thread");
        Self { writer, guard }
    }
}

impl Logger for Aside {
    type Handle<'a> = &'a Writer;

    fn handle(&self) -> &Writer {
        &self.writer
    }

    fn settle(&self) {
        self.writer.flush_wait(Deadline::NEVER).expect("writes");
    }

    fn wakes(&self) -> Option<u64> {
        Some(self.writer.stats().wakes)
    }

    fn finish(self) {
        let report = self.guard.close(Deadline::NEVER);
        assert!(report.is_complete && report.lost == 0 && report.dropped == 0, "{report}");
    }
}

impl Handle for &Writer {
    #[inline]
    fn log(&mut self, record: &[u8]) {
        self.write_record(record).expect("takes it");
    }
}
