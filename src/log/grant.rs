//! Space for a record that is written in place.

use super::error::WriteError;
use super::front::{Front, repay};
use super::shared::Shared;
use std::fmt;
use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::sync::Arc;

/// Space for one record, in the ring of this thread. Made by [`Writer::reserve`](super::Writer::reserve). Write into it, by [`io::Write`] or [`fmt::Write`], then
/// [`commit`](Self::commit): dropped without, it leaves nothing behind.
///
/// Whatever this thread logs meanwhile goes by the common ring. Stays on its thread.
#[must_use = "nothing is logged before it is committed"]
pub struct Grant<'a> {
    shared: &'a Arc<Shared>,
    space: Space,
    most: usize,
    len: usize,
    stays: PhantomData<*const ()>,
}

enum Space {
    /// Reserved in the ring, which is on loan.
    Ring(Option<Front>),
    /// The ring does not take that much, or there is none.
    Own(Vec<u8>),
}

impl<'a> Grant<'a> {
    pub(super) fn in_ring(shared: &'a Arc<Shared>, front: Front, most: usize) -> Self {
        Self { shared, space: Space::Ring(Some(front)), most, len: 0, stays: PhantomData }
    }

    pub(super) fn of_its_own(shared: &'a Arc<Shared>, most: usize) -> Self {
        Self { shared, space: Space::Own(Vec::new()), most, len: 0, stays: PhantomData }
    }

    /// How many bytes there is room for, still.
    pub fn remaining(&self) -> usize {
        self.most - self.len
    }

    /// Logs what was written, as one record.
    ///
    /// # Errors
    ///
    /// As [`Writer::write_record`](super::Writer::write_record).
    pub fn commit(mut self) -> Result<(), WriteError> {
        if self.shared.is_orphaned() {
            return self.commit_in_child();
        }
        match &mut self.space {
            Space::Ring(front) => {
                let Some(mut front) = front.take() else { unreachable!("taken here and in `drop` only") };
                let stamp = self.shared.clock.now();
                front.producer.commit(self.len, stamp);
                repay(self.shared, front);
                self.shared.committed()
            }
            Space::Own(bytes) => self.shared.write_record(bytes, None),
        }
    }

    /// Begun by the parent of this process, in whose ring nobody looks here.
    #[cold]
    fn commit_in_child(mut self) -> Result<(), WriteError> {
        let shared = self.shared.in_child().ok_or(WriteError::Forked)?;
        match &mut self.space {
            Space::Ring(Some(front)) => {
                shared.write_record(&front.producer.reserved_bytes()[..self.len], None)
            }
            Space::Ring(None) => unreachable!("taken in `commit` and `drop` only"),
            Space::Own(bytes) => shared.write_record(bytes, None),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.remaining() {
            return false;
        }
        match &mut self.space {
            Space::Ring(Some(front)) => {
                front.producer.reserved_bytes()[self.len..][..bytes.len()].copy_from_slice(bytes);
            }
            Space::Ring(None) => return false,
            Space::Own(own) => own.extend_from_slice(bytes),
        }
        self.len += bytes.len();
        true
    }
}

impl io::Write for Grant<'_> {
    /// Takes all or, if there is not that much room left, nothing, with [`ErrorKind::WriteZero`].
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.take(bytes) { Ok(bytes.len()) } else { Err(ErrorKind::WriteZero.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Write for Grant<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.take(text.as_bytes()) { Ok(()) } else { Err(fmt::Error) }
    }
}

impl Drop for Grant<'_> {
    fn drop(&mut self) {
        if let Space::Ring(front) = &mut self.space {
            if let Some(front) = front.take() {
                repay(self.shared, front);
            }
        }
    }
}

impl fmt::Debug for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("len", &self.len).field("most", &self.most).finish_non_exhaustive()
    }
}
