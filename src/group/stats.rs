//! What a group is doing and has done.

use super::core::Core;

/// A snapshot of a group's counters, each read by itself: while jobs come and go they need not add up. Made by
/// [`Group::stats`](crate::Group::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Jobs that wait to be started.
    pub queued: usize,
    /// Threads that are inside jobs.
    pub running: usize,
    /// Threads that are not inside a job: parked, about to park, on watch, or being started.
    pub idle: usize,
    /// Threads there are.
    pub threads: usize,
    /// Threads there were at the most.
    pub peak_threads: usize,
    /// Jobs that were ever accepted.
    pub submitted: usize,
    /// Jobs that ran to their end, by a panic or not. Counted before the awaiter is woken.
    pub finished: usize,
    /// Those that panicked.
    pub panicked: usize,
    /// Jobs that were cancelled before they started.
    pub cancelled: usize,
    /// How often the system refused to start a thread.
    pub spawn_failures: usize,
}

impl Stats {
    pub(super) fn of(core: &Core) -> Self {
        let counts = core.counts().load();
        let tally = &core.tally;
        Self {
            queued: core.queue.live(),
            running: counts.running(),
            idle: counts.threads() - counts.running(),
            threads: counts.threads(),
            peak_threads: tally.peak_threads(),
            submitted: core.queue.pushed().wrapping_sub(tally.refused()),
            finished: tally.finished(),
            panicked: tally.panicked(),
            cancelled: tally.cancelled(),
            spawn_failures: tally.start_failures(),
        }
    }
}
