//! `Completions` as a descriptor.

use super::Completions;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// Readable while there is something to dispatch. Not to be read, written or closed.
impl AsFd for Completions {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let (event, is_first) = self.inner.mailbox.bell().descriptor();
        // A child's copy would be heard by its parent.
        if is_first && !self.inner.is_orphaned() {
            // What rang before nobody was told of by the descriptor. Once too often does no harm.
            event.set();
        }
        event.as_fd()
    }
}

/// See [`AsFd`].
impl AsRawFd for Completions {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
