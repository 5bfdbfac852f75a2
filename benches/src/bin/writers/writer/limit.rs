use super::{Handle, Logger};
use std::hint::black_box;

/// A copy into memory of so many bytes, round and round, which comes to nothing.
pub(crate) struct Copying(pub(crate) usize);

impl Logger for Copying {
    type Handle<'a> = Vec<u8>;

    fn handle(&self) -> Vec<u8> {
        Vec::with_capacity(self.0)
    }

    fn settle(&self) {}

    fn finish(self) {}
}

impl Handle for Vec<u8> {
    #[inline]
    fn log(&mut self, record: &[u8]) {
        if self.len() + record.len() > self.capacity() {
            black_box(&*self);
            self.clear();
        }
        self.extend_from_slice(record);
    }
}
