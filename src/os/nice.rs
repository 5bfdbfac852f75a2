//! The nice level of one thread.

use std::io;

/// The levels that Linux knows: `-20` (gets the most CPU time) to `19` (the least).
pub(crate) const RANGE: std::ops::RangeInclusive<i32> = -20..=19;

/// Sets the nice level of the calling thread, and of it alone.
///
/// # Errors
///
/// `PermissionDenied` if the user may not set this level; `Unsupported` where a nice level belongs to the whole
/// process (POSIX says so; Linux is the exception).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn set(level: i32) -> io::Result<()> {
    // "Process 0" is the calling thread: setpriority(2), "C library/kernel differences".
    rustix::process::setpriority_process(None, level).map_err(|errno| match errno {
        // EACCES when lowering without the right to, EPERM for somebody else's process: one meaning here.
        rustix::io::Errno::ACCESS | rustix::io::Errno::PERM => io::ErrorKind::PermissionDenied.into(),
        other => other.into(),
    })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn set(_: i32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
