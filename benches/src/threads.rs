//! This process's threads, as /proc shows them.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// How many there are. One system call: the directory has two links more than there are threads.
pub fn count() -> usize {
    let links = fs::metadata("/proc/self/task").expect("/proc").nlink();
    usize::try_from(links).expect("a count of threads") - 2
}

/// Context switches so far of all threads that there are now, except this one.
pub fn switches_of_others() -> u64 {
    let own = fs::read_link("/proc/thread-self").expect("/proc");
    let own = own.file_name().expect("ends in the thread's id");
    fs::read_dir("/proc/self/task")
        .expect("/proc")
        .filter_map(|entry| entry.ok().filter(|entry| entry.file_name() != own))
        // A thread may end between the two reads.
        .filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok())
        .map(|status| switches(&status))
        .sum()
}

fn switches(status: &str) -> u64 {
    status
        .lines()
        .filter_map(|line| line.split_once("voluntary_ctxt_switches:"))
        .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
        .sum()
}
