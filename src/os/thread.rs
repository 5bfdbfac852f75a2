//! The threads of this process as the system knows them.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use rustix::thread::{Pid, gettid};
    use std::fs;

    /// A thread of this process. Once it has ended, the system may give its number to another one.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Thread(Pid);

    impl Thread {
        /// The calling one.
        pub(crate) fn current() -> Self {
            Self(gettid())
        }

        /// The number, for an atomic; never 0.
        pub(crate) fn to_raw(self) -> i32 {
            self.0.as_raw_nonzero().get()
        }

        pub(crate) fn from_raw(raw: i32) -> Option<Self> {
            Pid::from_raw(raw).map(Self)
        }

        /// Whether it runs or only waits for a processor; else it is blocked. False where that cannot be told. Costs some µs.
        pub(crate) fn is_runnable(self) -> bool {
            let stat = fs::read(format!("/proc/self/task/{}/stat", self.to_raw())).unwrap_or_default();
            // proc_pid_stat(5): "number (name) state …", and the name may hold anything.
            let name_end = stat.iter().rposition(|&byte| byte == b')');
            name_end.and_then(|end| stat.get(end + 2)) == Some(&b'R')
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod imp {
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Thread;

    impl Thread {
        pub(crate) fn current() -> Self {
            Self
        }

        pub(crate) fn to_raw(self) -> i32 {
            1
        }

        pub(crate) fn from_raw(_: i32) -> Option<Self> {
            Some(Self)
        }

        pub(crate) fn is_runnable(self) -> bool {
            false
        }
    }
}

pub(crate) use imp::Thread;
