//! Records that were dropped for want of room: how many, and when.

use super::utc::{self, Utc};
use crate::sync::{AtomicU64, Ordering};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// Records that were dropped for want of room, since the last time that was told. See [`Builder::on_drop`](super::Builder::on_drop).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// How many.
    pub records: u64,
    /// When the first of them was dropped, by the system's clock.
    pub first: SystemTime,
    /// When the last of them was.
    pub last: SystemTime,
}

/// As the log itself tells it: `12 records dropped between 2026-01-31T08:15:30.123456Z and 2026-01-31T08:15:30.234567Z`.
impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, first, last } = *self;
        let records_are = if records == 1 { "record" } else { "records" };
        write!(f, "{records} {records_are} dropped between {} and {}", Utc(first), Utc(last))
    }
}

pub(super) type OnDrop = Arc<dyn Fn(&Dropped) + Send + Sync>;

/// What was refused, by any thread. The clock is asked when a record is dropped, and not else.
pub(super) struct Drops {
    /// Ever. Only grows.
    total: AtomicU64,
    /// Of those that were not told yet: nanoseconds since 1970. `u64::MAX` and 0 if there are none.
    first: AtomicU64,
    last: AtomicU64,
    /// Of the total, so many were told.
    told: AtomicU64,
}

impl Drops {
    pub(super) fn new() -> Self {
        let new = AtomicU64::new;
        Self { total: new(0), first: new(u64::MAX), last: new(0), told: new(0) }
    }

    /// One was refused.
    pub(super) fn count(&self) {
        let now = utc::nanos(SystemTime::now());
        self.first.fetch_min(now, Ordering::Relaxed);
        self.last.fetch_max(now, Ordering::Relaxed);
        // Release: whoever counts this one has its time; pairs with the acquire in `untold`.
        self.total.fetch_add(1, Ordering::Release);
    }

    /// So many were discarded, which is told elsewhere.
    pub(super) fn count_discarded(&self, records: u64) {
        // Told first, lest it look as if there were something to tell.
        self.told.fetch_add(records, Ordering::Relaxed);
        self.total.fetch_add(records, Ordering::Release);
    }

    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// How many there are to be told.
    pub(super) fn untold(&self) -> u64 {
        // Acquire: pairs with the release in `count`.
        let total = self.total.load(Ordering::Acquire);
        // Both grow, and in another order than they are read in here.
        total.saturating_sub(self.told.load(Ordering::Relaxed))
    }

    /// Takes so many that were not told.
    pub(super) fn tell(&self, records: u64) -> Option<Dropped> {
        if records == 0 {
            return None;
        }
        self.told.fetch_add(records, Ordering::Relaxed);
        let last = self.last.swap(0, Ordering::Relaxed);
        let first = self.first.swap(u64::MAX, Ordering::Relaxed);
        // The time of a record that is told the next time may be taken now, and is missing then: it was about now.
        let last = if last == 0 { utc::nanos(SystemTime::now()) } else { last };
        let (first, last) = (utc::from_nanos(first.min(last)), utc::from_nanos(last));
        Some(Dropped { records, first, last })
    }
}

/// What was discarded from one ring, under its lock.
#[derive(Default)]
pub(super) struct Discarded {
    dropped: Option<Dropped>,
}

impl Discarded {
    pub(super) fn count(&mut self, records: u64) {
        let now = SystemTime::now();
        match &mut self.dropped {
            Some(dropped) => {
                dropped.records += records;
                dropped.last = now.max(dropped.last);
            }
            None => self.dropped = Some(Dropped { records, first: now, last: now }),
        }
    }

    pub(super) fn take(&mut self) -> Option<Dropped> {
        self.dropped.take()
    }
}
