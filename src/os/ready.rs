//! Waiting for a descriptor that was set non-blocking.

/// Blocks until the descriptor may be written to again, or has an error to tell.
#[cfg(unix)]
pub(crate) fn wait_writable(fd: &impl std::os::fd::AsFd) {
    wait(fd, rustix::event::PollFlags::OUT);
}

/// Blocks until the descriptor may be read from again, or has an error or its end to tell.
#[cfg(unix)]
pub(crate) fn wait_readable(fd: &impl std::os::fd::AsFd) {
    wait(fd, rustix::event::PollFlags::IN);
}

/// Whether a short write would not block.
#[cfg(unix)]
pub(crate) fn is_writable(fd: &impl std::os::fd::AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(fd, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&at_once)).is_ok() && fds[0].revents().contains(PollFlags::OUT)
}

#[cfg(unix)]
fn wait(fd: &impl std::os::fd::AsFd, flags: rustix::event::PollFlags) {
    use rustix::event::{PollFd, poll};
    // Of the two errors that can be, EINTR asks for another attempt, and so does ENOMEM.
    let _ = poll(&mut [PollFd::new(fd, flags)], None);
}

/// Elsewhere descriptors are not inherited in that state: a moment, and another attempt.
#[cfg(not(unix))]
pub(crate) fn wait_writable<T>(_: &T) {
    std::thread::sleep(std::time::Duration::from_millis(1));
}

/// As [`wait_writable`].
#[cfg(not(unix))]
pub(crate) fn wait_readable<T>(_: &T) {
    std::thread::sleep(std::time::Duration::from_millis(1));
}
