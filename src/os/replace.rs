//! Another file in the place of an open one.
#![cfg(unix)]

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Has the descriptor of `file` stand for what `new` is open on, in one step: whoever uses it meanwhile uses one or the other, and so does a
/// forked child.
///
/// # Errors
///
/// What the system said. Then nothing has changed.
pub(crate) fn replace(file: &File, new: &File) -> io::Result<()> {
    // SAFETY: the number is that of an open descriptor, as `file` is borrowed; it is not closed here, as this owner is never dropped.
    let mut place = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(file.as_raw_fd()) });
    loop {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let done = rustix::io::dup3(new, &mut place, rustix::io::DupFlags::CLOEXEC);
        // Without the flag for a moment; but there is no better way.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let done = rustix::io::dup2(new, &mut place)
            .and_then(|()| rustix::io::fcntl_setfd(&*place, rustix::io::FdFlags::CLOEXEC));
        match done {
            Err(rustix::io::Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}
