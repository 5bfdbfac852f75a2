//! Which processors a thread may run on. Linux; elsewhere nothing is known and nothing can be set.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use crate::os::thread::Thread;
    use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
    use std::io;

    /// Processors have numbers below this, as far as this crate is concerned.
    pub(crate) const MAX_CPUS: usize = CpuSet::MAX_CPU;

    /// What [`keep_off`] has changed.
    pub(crate) struct Kept {
        before: CpuSet,
        since: CpuSet,
    }

    /// The processor that the calling thread is on at this moment.
    pub(crate) fn current_cpu() -> Option<usize> {
        Some(sched_getcpu())
    }

    /// Lets a thread run anywhere but on that processor, of those that it may run on; `None` if that leaves none.
    pub(crate) fn keep_off(thread: Thread, cpu: usize) -> Option<Kept> {
        let before = sched_getaffinity(Some(thread.id())).ok()?;
        let mut since = before;
        if cpu >= MAX_CPUS {
            return None;
        }
        since.unset(cpu);
        if since == before || since.count() == 0 {
            return None;
        }
        sched_setaffinity(Some(thread.id()), &since).ok()?;
        Some(Kept { before, since })
    }

    impl Kept {
        /// For the thread itself. Leaves alone what somebody else has set since.
        pub(crate) fn undo(self) {
            if sched_getaffinity(None).is_ok_and(|now| now == self.since) {
                // An error means that the processors it had are gone: it keeps what it has.
                let _ = sched_setaffinity(None, &self.before);
            }
        }
    }

    /// Lets the calling thread run on these processors only, which are below [`MAX_CPUS`].
    ///
    /// # Errors
    ///
    /// `InvalidInput` if none of them is there, or none is this process's to use; `Unsupported` on other systems.
    pub(crate) fn set(cpus: &[usize]) -> io::Result<()> {
        let mut set = CpuSet::new();
        cpus.iter().for_each(|&cpu| set.set(cpu));
        sched_setaffinity(None, &set).map_err(io::Error::from)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod imp {
    use crate::os::thread::Thread;
    use std::io;

    pub(crate) const MAX_CPUS: usize = 1024;

    pub(crate) enum Kept {}

    pub(crate) fn current_cpu() -> Option<usize> {
        None
    }

    pub(crate) fn keep_off(_: Thread, _: usize) -> Option<Kept> {
        None
    }

    impl Kept {
        pub(crate) fn undo(self) {
            match self {}
        }
    }

    pub(crate) fn set(_: &[usize]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(crate) use imp::*;
