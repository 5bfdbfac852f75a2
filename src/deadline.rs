//! A point in time that a caller is ready to wait for.

use std::time::{Duration, Instant};

/// When to stop waiting. Made from a [`Duration`] (from now), an [`Instant`], or [`Deadline::NEVER`].
///
/// ```
/// use aside::Deadline;
/// use std::time::{Duration, Instant};
///
/// let in_a_second: Deadline = Duration::from_secs(1).into();
/// let at: Deadline = Instant::now().into();
/// assert!(!in_a_second.has_passed());
/// assert!(at.has_passed());
/// assert!(!Deadline::NEVER.has_passed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Wait for as long as it takes.
    pub const NEVER: Deadline = Deadline(None);

    /// Whether the time is up.
    pub fn has_passed(self) -> bool {
        self.remaining().is_some_and(|left| left.is_zero())
    }

    /// The time left, or `None` for [`Deadline::NEVER`].
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// The earlier of the two.
    pub(crate) fn min(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(one), Some(other)) => Deadline(Some(one.min(other))),
            (one, other) => Deadline(one.or(other)),
        }
    }
}

impl From<Duration> for Deadline {
    /// `duration` from now. A duration beyond what the clock can express is [`Deadline::NEVER`].
    fn from(duration: Duration) -> Self {
        Deadline(Instant::now().checked_add(duration))
    }
}

impl From<Instant> for Deadline {
    fn from(at: Instant) -> Self {
        Deadline(Some(at))
    }
}
