//! What the handles, the threads' rings and the drain of a writer share.

use super::alarm::Alarm;
use super::builder::{Config, Order, Overflow};
use super::drain::{self, Backend};
use super::error::{FlushError, WriteError};
use super::front::{self, Back, Front, new_ring, with_front};
use super::nap::Nap;
use super::sink::Sink;
use super::stats::Stats;
use crate::deadline::Deadline;
use crate::group::Group;
use crate::job::{Host, Wait, block_on};
use crate::os::fork::{self, PerProcess};
use crate::os::stamp::Stamps;
use crate::panic::contain;
use crate::ring::{self, Full};
use crate::sync::{Mutex, lock};
use crate::wait_list::WaitList;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, TryLockError};
use std::task::Waker;

/// So many rings without a thread are kept for new ones.
const KEPT: usize = 8;

pub(super) struct Shared {
    /// No other writer of this process, and none of its children's, has it. Never 0.
    pub(super) id: u64,
    generation: usize,
    pub(super) alarm: Alarm,
    pub(super) config: Config,
    pub(super) stamps: Option<Stamps>,
    pub(super) group: Group,
    /// For a forked child.
    file: Option<Arc<File>>,
    child: PerProcess<Option<Arc<Shared>>>,
    /// The ring of those without one.
    pub(super) guest: Mutex<Front>,
    pool: Mutex<Pool>,
    /// How many rings there have ever been but the guests'.
    pub(super) made: AtomicU64,
    /// Locked for a pass; foreign code (the sink) runs under it, so it is only ever waited for by a drain. `None` once the sink is dropped.
    backend: Mutex<Option<Backend>>,
    has_ended: AtomicBool,
    pub(super) nap: Nap,
    /// Those who wait for room, ...
    pub(super) room: WaitList,
    pub(super) waiting: AtomicUsize,
    /// ... and for a flush.
    pub(super) flushed_waiters: WaitList,
    flush_asked: AtomicU64,
    pub(super) flush_done: AtomicU64,
    broken: OnceLock<Arc<io::Error>>,
    pub(super) tally: Tally,
}

/// Written by the drain, but for `dropped`, `guests` and `waits`.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) written: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) wakes: AtomicU64,
    guests: AtomicU64,
}

struct Pool {
    /// Without a thread.
    free: Vec<Front>,
    /// Not yet with the drain.
    fresh: Vec<Back>,
    rings: usize,
}

impl Shared {
    pub(super) fn new(config: Config, sink: Sink, group: Group) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        fork::watch();
        let stamps = (config.order == Order::Causal).then(Stamps::new);
        let (guest, back) = new_ring(0, config.capacity, stamps);
        let file = match &sink {
            Sink::File(file) => Some(file.clone()),
            Sink::Any(_) => None,
        };
        let backend = Backend::new(sink, config.on_error.clone(), back);
        Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            generation: fork::generation(),
            alarm: Alarm::new(),
            config,
            stamps,
            group,
            file,
            child: PerProcess::new(),
            guest: Mutex::new(guest),
            pool: Mutex::new(Pool { free: Vec::new(), fresh: Vec::new(), rings: 1 }),
            made: AtomicU64::new(0),
            backend: Mutex::new(Some(backend)),
            has_ended: AtomicBool::new(false),
            nap: Nap::new(),
            room: WaitList::new(),
            waiting: AtomicUsize::new(0),
            flushed_waiters: WaitList::new(),
            flush_asked: AtomicU64::new(0),
            flush_done: AtomicU64::new(0),
            broken: OnceLock::new(),
            tally: Tally::default(),
        })
    }

    /// Whether this belongs to a process that this one was forked from. Its locks may be held by threads that are gone.
    #[inline(always)]
    pub(super) fn is_orphaned(&self) -> bool {
        self.generation != fork::generation()
    }

    /// What stands for this in a forked child; `None` if the sink cannot be used there. Made at the first use.
    #[cold]
    pub(super) fn in_child(&self) -> Option<&Arc<Shared>> {
        let make = || {
            let file = self.file.clone()?;
            let group = Group::builder().name("aside-log").max_threads(1).min_threads(0).build_lazily();
            Some(Shared::new(self.config.clone(), Sink::File(file), group))
        };
        self.child.get_or_set(make).as_ref()
    }

    /// The same, if it was used.
    pub(super) fn made_in_child(&self) -> Option<&Arc<Shared>> {
        self.child.get()?.as_ref()
    }

    // --- Logging. ---

    #[inline]
    pub(super) fn write_record(self: &Arc<Self>, record: &[u8]) -> Result<(), WriteError> {
        // The first look, lest a record be taken that nobody will write.
        let may_try = self.alarm.look().is_open() && record.len() <= front::LONGEST;
        if may_try && with_front(self, |front| front.push(record)).is_ok() {
            return self.committed();
        }
        self.write_record_slowly(record, self.config.overflow)
    }

    /// The same with a policy of its own.
    pub(super) fn write_record_with(
        self: &Arc<Self>,
        record: &[u8],
        overflow: Overflow,
    ) -> Result<(), WriteError> {
        let may_try = self.alarm.look().is_open() && record.len() <= front::LONGEST;
        if may_try && with_front(self, |front| front.push(record)).is_ok() {
            return self.committed();
        }
        self.write_record_slowly(record, overflow)
    }

    #[cold]
    fn write_record_slowly(self: &Arc<Self>, record: &[u8], overflow: Overflow) -> Result<(), WriteError> {
        if record.len() > front::LONGEST {
            return Err(WriteError::TooLong { len: record.len(), longest: front::LONGEST });
        }
        self.take_or_wait(overflow, || with_front(self, |front| front.push(record)))?;
        self.committed()
    }

    /// To be called after a commit.
    #[inline]
    pub(super) fn committed(self: &Arc<Self>) -> Result<(), WriteError> {
        let seen = self.alarm.look_after_commit();
        if seen.is_fine() { Ok(()) } else { self.committed_slowly() }
    }

    #[cold]
    fn committed_slowly(self: &Arc<Self>) -> Result<(), WriteError> {
        self.wake();
        self.refusal().map_or(Ok(()), Err)
    }

    /// Why nothing is taken any more.
    fn refusal(&self) -> Option<WriteError> {
        let seen = self.alarm.look();
        if seen.is_open() {
            None
        } else if seen.is_broken() {
            Some(WriteError::Broken(self.reason()))
        } else {
            Some(WriteError::Closed)
        }
    }

    /// Why it is broken.
    pub(super) fn reason(&self) -> Arc<io::Error> {
        let unknown = || Arc::new(io::ErrorKind::Other.into());
        self.broken.get().cloned().unwrap_or_else(unknown)
    }

    /// Makes an attempt to commit; if there is no room, as the overflow policy says.
    pub(super) fn take_or_wait(
        self: &Arc<Self>,
        overflow: Overflow,
        mut attempt: impl FnMut() -> Result<(), Full>,
    ) -> Result<(), WriteError> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        if attempt().is_ok() {
            return Ok(());
        }
        // Who drains cannot wait for the drain.
        if overflow == Overflow::DropNewest || front::is_draining(self.id) {
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
            return Err(WriteError::Full);
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut ticket = None;
        let inside = self.group.core().is_current_thread();
        let poll = |waker: &Waker| {
            if inside {
                // Its own job may be waiting behind this one.
                self.help();
            }
            self.nap.end();
            for is_registered in [false, true] {
                if let Some(refusal) = self.refusal() {
                    return Wait::Over(Err(refusal));
                }
                if attempt().is_ok() {
                    return Wait::Over(Ok(()));
                }
                if !is_registered {
                    self.room.register(&mut ticket, waker);
                }
            }
            Wait::on(self.group.core().nudge())
        };
        let taken = block_on(Deadline::NEVER, poll);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        if let Some(ticket) = ticket {
            self.room.leave(ticket);
        }
        taken.unwrap_or(Err(WriteError::Full))
    }

    // --- Rings. ---

    /// A ring for a new thread; `None` if the budget is spent.
    pub(super) fn take_front(&self) -> Option<Front> {
        let mut pool = lock(&self.pool);
        if let Some(front) = pool.free.pop() {
            return Some(front);
        }
        if (pool.rings + 1).saturating_mul(ring::footprint(self.config.capacity)) > self.config.budget {
            return None;
        }
        pool.rings += 1;
        // In the lock: ordered by it.
        let number = self.made.load(Ordering::Relaxed) + 1;
        let (front, back) = new_ring(number, self.config.capacity, self.stamps);
        pool.fresh.push(back);
        // Release: whoever sees a record of this thread, or of one that comes after it, sees that there is a ring to fetch; pairs with
        // the acquire in `Backend::fetch_fresh`.
        self.made.store(number, Ordering::Release);
        Some(front)
    }

    pub(super) fn count_guest(&self) {
        self.tally.guests.fetch_add(1, Ordering::Relaxed);
    }

    /// A thread is at its end.
    pub(super) fn retire(&self, front: Front) {
        if !self.is_orphaned() {
            lock(&self.pool).free.push(front);
        }
    }

    pub(super) fn fetch_fresh(&self) -> Vec<Back> {
        std::mem::take(&mut lock(&self.pool).fresh)
    }

    /// Drops rings without a thread that nothing is left in, if there are many. Returns their numbers.
    pub(super) fn trim(&self) -> HashSet<u64> {
        let mut pool = lock(&self.pool);
        let mut surplus = pool.free.len().saturating_sub(KEPT);
        let mut gone = Vec::new();
        let (kept, trimmed): (Vec<_>, Vec<_>) = pool.free.drain(..).partition(|front| {
            let stays = surplus == 0 || !front.producer.is_drained();
            if !stays {
                surplus -= 1;
            }
            stays
        });
        pool.free = kept;
        pool.rings -= trimmed.len();
        gone.extend(trimmed);
        drop(pool);
        gone.iter().map(|front| front.number).collect()
    }

    // --- The drain. ---

    /// Sees to it that a drain runs, if none does.
    pub(super) fn wake(self: &Arc<Self>) {
        if self.alarm.wake() {
            self.tally.wakes.fetch_add(1, Ordering::Relaxed);
            drain::start(self);
        }
    }

    /// Has a pass made by whoever has the backend's lock. `None` if the sink is gone.
    pub(super) fn with_backend<R>(&self, pass: impl FnOnce(&mut Backend) -> R) -> Option<R> {
        lock(&self.backend).as_mut().map(pass)
    }

    /// Makes one pass on this thread, unless another one is at it.
    pub(super) fn help(self: &Arc<Self>) {
        if front::is_draining(self.id) {
            return;
        }
        let mut backend = match self.backend.try_lock() {
            Ok(backend) => backend,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if let Some(backend) = &mut *backend {
            backend.pass(self);
        }
    }

    /// Nothing can be written any more.
    pub(super) fn break_off(&self, error: io::Error) {
        let _ = self.broken.set(Arc::new(error));
        self.alarm.break_off();
        self.room.wake_all();
        self.flushed_waiters.wake_all();
    }

    /// The drain is done for good: drops the sink.
    pub(super) fn end(&self) {
        let mut backend = lock(&self.backend).take();
        if let Some(backend) = &mut backend {
            self.tally.lost.fetch_add(backend.left(self), Ordering::Relaxed);
        }
        contain(move || drop(backend));
        self.has_ended.store(true, Ordering::SeqCst);
        self.room.wake_all();
        self.flushed_waiters.wake_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    // --- Flushes. ---

    /// Asks for a flush, and returns its number.
    pub(super) fn ask_flush(self: &Arc<Self>) -> u64 {
        let number = self.flush_asked.fetch_add(1, Ordering::SeqCst) + 1;
        let seen = self.alarm.look_after_commit();
        if seen.is_asleep() {
            self.wake();
        }
        self.nap.end();
        number
    }

    pub(super) fn flush_asked(&self) -> u64 {
        // Acquire: pairs with the release in `ask_flush`: what was logged before is in the rings.
        self.flush_asked.load(Ordering::Acquire)
    }

    pub(super) fn flush_state(&self, number: u64) -> Option<Result<(), FlushError>> {
        // Acquire: pairs with the release of the drain.
        if self.flush_done.load(Ordering::Acquire) >= number {
            Some(Ok(()))
        } else if self.alarm.look().is_broken() {
            Some(Err(FlushError::Broken(self.reason())))
        } else if self.has_ended() {
            // All of it is written.
            Some(Ok(()))
        } else {
            None
        }
    }

    /// Blocks until that flush is done.
    pub(super) fn wait_flushed(self: &Arc<Self>, number: u64, deadline: Deadline) -> Result<(), FlushError> {
        if front::is_draining(self.id) {
            return Err(FlushError::Inside);
        }
        let inside = self.group.core().is_current_thread();
        let mut ticket = None;
        let poll = |waker: &Waker| {
            if inside && self.flush_state(number).is_none() {
                self.help();
            }
            if let Some(state) = self.flush_state(number) {
                return Wait::Over(state);
            }
            self.flushed_waiters.register(&mut ticket, waker);
            match self.flush_state(number) {
                Some(state) => Wait::Over(state),
                None => Wait::on(self.group.core().nudge()),
            }
        };
        let flushed = block_on(deadline, poll);
        if let Some(ticket) = ticket {
            self.flushed_waiters.leave(ticket);
        }
        flushed.unwrap_or(Err(FlushError::TimedOut))
    }

    /// Blocks until the sink is dropped; false if the deadline passed first.
    pub(super) fn wait_ended(&self, deadline: Deadline) -> bool {
        let mut ticket = None;
        let poll = |waker: &Waker| {
            if self.has_ended() {
                return Wait::Over(());
            }
            self.flushed_waiters.register(&mut ticket, waker);
            if self.has_ended() { Wait::Over(()) } else { Wait::on(self.group.core().nudge()) }
        };
        let ended = block_on(deadline, poll).is_some();
        if let Some(ticket) = ticket {
            self.flushed_waiters.leave(ticket);
        }
        ended || self.has_ended()
    }

    pub(super) fn stats(&self) -> Stats {
        let tally = &self.tally;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        // A child's copy of the lock may be held by a thread that is gone.
        let rings = if self.is_orphaned() { 0 } else { lock(&self.pool).rings };
        Stats {
            written: read(&tally.written),
            written_bytes: read(&tally.bytes),
            writes: read(&tally.writes),
            dropped: read(&tally.dropped),
            lost: read(&tally.lost),
            wakes: read(&tally.wakes),
            rings,
            threads_without_ring: read(&tally.guests),
        }
    }
}
