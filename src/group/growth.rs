//! The policy: when is another thread wanted? A pure function of the counts; the mechanism is in `core.rs`.

use super::counts::Counts;

/// What to do about a job that has just been queued, or was left in the queue by a worker that took the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Somebody will look at the queue: an idle thread, or, at the cap, whoever finishes first.
    Nothing,
    /// Unpark the thread that parked last.
    Unpark,
    /// Start a thread.
    Start,
}

/// One more thread for every job that finds all awake ones busy: a parked one first, else a new one up to the cap.
pub(super) fn decide(counts: Counts, max_threads: usize) -> Step {
    if counts.idle() > 0 {
        Step::Nothing
    } else if counts.parked() > 0 {
        Step::Unpark
    } else if counts.threads() < max_threads {
        Step::Start
    } else {
        Step::Nothing
    }
}
