//! A signal for one thread, so that its blocking system call returns `EINTR`.
#![cfg(any(target_os = "linux", target_os = "android"))]

use super::thread::Thread;
use std::{io, mem, ptr};

/// Sends a signal to the thread that it was made on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadSignal {
    signal: i32,
    thread: Thread,
}

/// What stands in the way of using a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is ignored, by somebody's wish.
    Ignored,
    /// It has a handler of somebody else's after which system calls go on.
    Handled,
}

/// There only so that the signal is neither ignored nor deadly.
extern "C" fn handler(_: libc::c_int) {}

impl ThreadSignal {
    /// For the calling thread. Gives the signal a handler that does nothing, if it has none. It stays for good: a signal
    /// may still be on its way when nobody needs it any more, and could be deadly.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there is no such signal, or it cannot be handled, or means a fault of the program.
    pub(crate) fn new(signal: i32) -> io::Result<Result<Self, Taken>> {
        if [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT]
            .contains(&signal)
        {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let ours = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: all zeros are a valid `sigaction`: no handler, no flags, an empty mask.
        let (mut before, mut wanted): (libc::sigaction, libc::sigaction) = unsafe { mem::zeroed() };
        // SAFETY: the pointers are null or to local values.
        if unsafe { libc::sigaction(signal, ptr::null(), &raw mut before) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let found = |action: &libc::sigaction| match action.sa_sigaction {
            handler if handler == ours => Ok(()),
            libc::SIG_IGN => Err(Taken::Ignored),
            // Somebody else's handler interrupts system calls as well as ours would.
            _ if action.sa_flags & libc::SA_RESTART == 0 => Ok(()),
            _ => Err(Taken::Handled),
        };
        if before.sa_sigaction == libc::SIG_DFL {
            // Without `SA_RESTART`: that a system call is not restarted is the point.
            wanted.sa_sigaction = ours;
            wanted.sa_flags = libc::SA_ONSTACK;
            // SAFETY: the handler does nothing, so it is async-signal-safe; the pointers are to local values.
            if unsafe { libc::sigaction(signal, &raw const wanted, &raw mut before) } != 0 {
                return Err(io::Error::last_os_error());
            }
            if before.sa_sigaction != libc::SIG_DFL && before.sa_sigaction != ours {
                // Another thread was faster.
                // SAFETY: puts back what was there.
                unsafe { libc::sigaction(signal, &raw const before, ptr::null_mut()) };
            } else {
                before.sa_sigaction = ours;
            }
        }
        Ok(found(&before).map(|()| Self { signal, thread: Thread::current() }))
    }

    /// If the thread has ended nothing happens; or another one is interrupted, should the system have given it the number.
    pub(crate) fn send(&self) {
        let process = rustix::process::getpid().as_raw_nonzero().get();
        // SAFETY: takes numbers only. By `syscall`, as not every C library has a function for it.
        unsafe { libc::syscall(libc::SYS_tgkill, process, self.thread.to_raw(), self.signal) };
    }
}
