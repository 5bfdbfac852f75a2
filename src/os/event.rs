//! A descriptor that is readable while something is to be done.
#![cfg(unix)]

use rustix::io::{read, write};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Set from any thread, cleared by its owner. An eventfd on Linux, elsewhere a pipe.
#[derive(Debug)]
pub(crate) struct Event {
    ends: Ends,
    /// Set after the descriptor was, and cleared before it is: so the owner is spared the system call if there is nothing to clear, and what it
    /// does not clear, it clears the next time.
    is_set: AtomicBool,
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(aside_pipe)))]
mod imp {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};

    #[derive(Debug)]
    pub(super) struct Ends(OwnedFd);

    impl Ends {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
        }

        pub(super) fn reading(&self) -> &OwnedFd {
            &self.0
        }

        pub(super) fn writing(&self) -> &OwnedFd {
            &self.0
        }
    }
}

#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(aside_pipe))))]
mod imp {
    use super::*;

    #[derive(Debug)]
    pub(super) struct Ends(OwnedFd, OwnedFd);

    impl Ends {
        pub(super) fn new() -> io::Result<Self> {
            let (reader, writer) = io::pipe()?;
            let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
            // The standard library has made both close-on-exec.
            rustix::io::ioctl_fionbio(&reader, true)?;
            rustix::io::ioctl_fionbio(&writer, true)?;
            Ok(Self(reader, writer))
        }

        pub(super) fn reading(&self) -> &OwnedFd {
            &self.0
        }

        pub(super) fn writing(&self) -> &OwnedFd {
            &self.1
        }
    }
}

impl Event {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { ends: imp::Ends::new()?, is_set: AtomicBool::new(false) })
    }

    /// Makes the descriptor readable.
    pub(crate) fn set(&self) {
        // Eight bytes, as an eventfd wants. The only errors: full, so readable already; or the descriptor was closed by somebody who does
        // not own it, and then there is nothing to be done about it.
        let _ = write(self.ends.writing(), &1_u64.to_ne_bytes());
        // Release: pairs with the acquire in `clear`.
        self.is_set.store(true, Ordering::Release);
    }

    /// Makes it unreadable, unless it is set at this very moment.
    pub(crate) fn clear(&self) {
        if self.is_set.load(Ordering::Relaxed) && self.is_set.swap(false, Ordering::Acquire) {
            let mut buffer = [0; 64];
            while read(self.ends.reading(), &mut buffer).is_ok_and(|read| read == buffer.len()) {}
        }
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ends.reading().as_fd()
    }
}

use imp::Ends;
