//! The ordinary end of the process.

/// Has the handler called when the process ends by `exit`, or by the return of `main`: on the thread that ends it, whose thread-locals are destroyed by
/// then, while all other threads go on. Not called at an abort, a deadly signal, or `_exit`. False if the system has no place for it.
///
/// To be called once for each handler. The handler must not unwind.
#[cfg(unix)]
pub(crate) fn at_exit(handler: extern "C" fn()) -> bool {
    // SAFETY: a function with the right signature, which lives as long as this code is loaded: where it can be unloaded, the C
    // library calls the handler before that.
    unsafe { libc::atexit(handler) == 0 }
}

#[cfg(not(unix))]
pub(crate) fn at_exit(_: extern "C" fn()) -> bool {
    false
}
