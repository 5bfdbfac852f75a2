//! What this process has written, and where to.

use std::fs::{self, File};
use std::io;

/// So far, by all threads: `/proc/self/io`.
#[derive(Clone, Copy)]
pub struct Written {
    /// That the system has taken, on any descriptor.
    pub bytes: u64,
    /// Calls of the kind of `write`.
    pub calls: u64,
}

impl Written {
    pub fn so_far() -> Self {
        let text = fs::read_to_string("/proc/self/io").expect("/proc");
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse().ok()).expect("is a number")
        };
        Self { bytes: value("wchar:"), calls: value("syscw:") }
    }

    pub fn since(before: Self) -> Self {
        let now = Self::so_far();
        Self { bytes: now.bytes - before.bytes, calls: now.calls - before.calls }
    }
}

/// Without a name: nothing is left of it, whatever becomes of this process.
pub fn file_in_memory() -> io::Result<File> {
    tempfile::tempfile_in("/dev/shm").or_else(|_| tempfile::tempfile())
}
