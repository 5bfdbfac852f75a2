//! What a writer has done.

/// A snapshot. Each count is right for some moment; together they need not be of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Records that the sink has taken, whole.
    pub written: u64,
    /// Their bytes.
    pub written_bytes: u64,
    /// How often the sink was written to.
    pub writes: u64,
    /// Records that were refused, or given up for newer ones, for want of room.
    pub dropped: u64,
    /// Records that were taken, and given up at an error of the sink.
    pub lost: u64,
    /// How often a record or a flush found the drain asleep and woke it.
    pub wakes: u64,
    /// Rings that threads have now, or have left, with the common one; without those that are prepared.
    pub rings: usize,
    /// Threads that found the budget spent and share the common ring.
    pub threads_without_ring: u64,
}
