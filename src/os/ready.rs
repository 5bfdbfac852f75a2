//! Waiting for a descriptor that was set non-blocking.

/// Blocks until the descriptor may be written to again, or has an error to tell.
#[cfg(unix)]
pub(crate) fn wait_writable(fd: &impl std::os::fd::AsFd) {
    use rustix::event::{PollFd, PollFlags, poll};
    // Of the two errors that can be, EINTR asks for another attempt to write, and so does ENOMEM.
    let _ = poll(&mut [PollFd::new(fd, PollFlags::OUT)], None);
}

/// Elsewhere descriptors are not inherited in that state: a moment, and another attempt.
#[cfg(not(unix))]
pub(crate) fn wait_writable<T>(_: &T) {
    std::thread::sleep(std::time::Duration::from_millis(1));
}
