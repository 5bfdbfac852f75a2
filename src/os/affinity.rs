//! Which processors a thread may run on. Linux; elsewhere nothing is known and nothing can be set.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use rustix::thread::{CpuSet, sched_setaffinity};
    use std::io;

    /// Processors have numbers below this, as far as this crate is concerned.
    pub(crate) const MAX_CPUS: usize = CpuSet::MAX_CPU;

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
    use std::io;

    pub(crate) const MAX_CPUS: usize = 1024;

    pub(crate) fn set(_: &[usize]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(crate) use imp::*;
