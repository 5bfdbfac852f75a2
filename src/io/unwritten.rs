//! What is left when an `Offloaded` is taken apart and its last bytes could not be written.

use std::fmt;
use std::io;

/// The reason why [`Offloaded::into_inner`](super::Offloaded::into_inner) has failed, with all that there was.
pub struct Unwritten<T> {
    error: io::Error,
    inner: Option<T>,
    bytes: Vec<u8>,
}

impl<T> Unwritten<T> {
    pub(super) fn new(error: io::Error, inner: Option<T>, bytes: Vec<u8>) -> Self {
        Self { error, inner, bytes }
    }

    /// Why.
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// The reader or writer; `None` if it was [closed](super::Offloaded) before, or is a forked child's copy. And the bytes that
    /// were accepted and could not be written, in order.
    pub fn into_parts(self) -> (io::Error, Option<T>, Vec<u8>) {
        (self.error, self.inner, self.bytes)
    }
}

impl<T> fmt::Debug for Unwritten<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unwritten")
            .field("error", &self.error)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Unwritten<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> std::error::Error for Unwritten<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<T> From<Unwritten<T>> for io::Error {
    fn from(unwritten: Unwritten<T>) -> Self {
        unwritten.error
    }
}
