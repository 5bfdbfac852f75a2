//! Forks for real.

use super::process::in_child;
use aside::{Group, JobError};
use futures::executor::block_on;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `body` in a forked child, and returns when that has ended well.
pub fn forked(body: impl FnOnce()) {
    forked_with((), |()| body());
}

/// The same with something that both have after the fork.
pub fn forked_with<T>(inherited: T, body: impl FnOnce(T)) -> T {
    // SAFETY: the child goes on with this one thread. glibc keeps the allocator usable there, which POSIX does not
    // promise; that `body` may rely on this crate is what is tested. It ends by `_exit`, whatever happens.
    match unsafe { libc::fork() } {
        -1 => panic!("{}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: no preconditions. Kills the child if it hangs.
            unsafe { libc::alarm(30) };
            let ended_well = catch_unwind(AssertUnwindSafe(|| body(inherited))).is_ok();
            // SAFETY: no preconditions.
            unsafe { libc::_exit(if ended_well { 0 } else { 1 }) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the pointer is that of a live integer.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0, "the forked child failed");
            inherited
        }
    }
}

/// A counter that parent and child share.
pub fn shared_counter() -> &'static AtomicUsize {
    let (rights, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: asks for fresh memory and touches no other.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), size_of::<AtomicUsize>(), rights, flags, -1, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    // SAFETY: zeroed, aligned to a page, never unmapped, and used as nothing else.
    unsafe { &*memory.cast::<AtomicUsize>() }
}

/// A job that counts itself.
pub fn counting(ran: &'static AtomicUsize) -> impl FnOnce() + Send + 'static {
    move || {
        ran.fetch_add(1, Ordering::SeqCst);
    }
}

/// A test that forks runs in a process of its own, in which no other test holds a lock at that moment.
pub fn alone(test: &str, body: impl FnOnce()) {
    in_child(test, |_| (), body);
}

pub fn assert_works(group: &Group) {
    assert_eq!(group.offload(|| 6 * 7).wait(), 42);
    assert_eq!(block_on(group.offload(|| 6 * 7)), 42);
    assert_eq!(group.offload_all((0..3).map(|n| move || n)).wait(), [0, 1, 2]);
    group.drain().wait();
}

pub fn assert_cancelled<T>(outcome: Result<T, JobError>) {
    assert!(matches!(outcome, Err(JobError::Cancelled)));
}
