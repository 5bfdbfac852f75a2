//! What the handles, the threads' rings and the drain of a writer share.

use super::alarm::Alarm;
use super::builder::{Config, Overflow};
use super::clock::Clock;
use super::drain::Backend;
use super::drops::Drops;
use super::errand::Errands;
use super::error::WriteError;
use super::farewell::close_at_exit;
use super::flush::Flushes;
use super::front::{self, Front};
use super::nap::Nap;
use super::pool::{Kind, Pool};
use super::room::{self, NoRoom, Room};
use super::shift;
use super::sink::Sink;
use super::stats::Stats;
use crate::deadline::Deadline;
use crate::group::Group;
use crate::job::{Host, Wait, block_on};
use crate::os::fork::{self, PerProcess};
use crate::panic::contain;
use crate::ring::Producer;
use crate::sync::{Mutex, get_mut, lock};
use crate::wait_list::WaitList;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, TryLockError};
use std::task::Waker;

/// What each record asks for comes first, in lines of its own: what else is here the drain writes with each pass.
#[repr(C, align(128))]
pub(super) struct Shared {
    /// No other writer of this process, and none of its children's, has it. Never 0.
    pub(super) id: u64,
    generation: usize,
    pub(super) alarm: Alarm,
    pub(super) clock: Clock,
    pub(super) config: Config,
    pub(super) group: Group,
    /// For a forked child.
    file: Option<Arc<File>>,
    child: PerProcess<Option<Arc<Shared>>>,
    /// The ring of those without one.
    pub(super) guest: Mutex<Front>,
    pub(super) pool: Pool,
    /// Locked for a pass; foreign code (the sink) runs under it, so it is only ever waited for by a drain. `None` once the sink is dropped.
    backend: Mutex<Option<Backend>>,
    has_ended: AtomicBool,
    /// Guards that wait for the end. The end of the process does so, too, then.
    pub(super) closing: AtomicUsize,
    pub(super) nap: Nap,
    /// Those who wait for room, ...
    pub(super) room: Room,
    /// ... and for the drain to come so far.
    pub(super) waiters: WaitList,
    pub(super) flushes: Flushes,
    pub(super) errands: Errands,
    pub(super) drops: Arc<Drops>,
    broken: OnceLock<Arc<io::Error>>,
    /// Why the sink's last flush failed, if it did. Set before the end.
    pub(super) unflushed: OnceLock<Arc<io::Error>>,
    pub(super) tally: Tally,
}

/// Written by the drain, but for `wakes` and `guests`.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) written: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) wakes: AtomicU64,
    guests: AtomicU64,
}

impl Shared {
    /// `None` if there is no memory for a ring.
    pub(super) fn new(config: Config, sink: Sink, group: Group) -> Option<Arc<Self>> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        fork::watch();
        let drops = Arc::new(Drops::new());
        let clock = Clock::new(config.order);
        let discards = (config.overflow == Overflow::DropOldest).then(|| drops.clone());
        let Config { capacity, budget, .. } = config;
        // A side is twice as large as its ring, and a ring has 1 GiB at most.
        let capacity = if discards.is_some() { capacity.min(1 << 29) } else { capacity };
        let (pool, (guest, back)) = Pool::new(Kind { capacity, budget, drops: discards })?;
        let file = match &sink {
            Sink::File(file) => Some(file.clone()),
            Sink::Any(_) => None,
        };
        let backend = Backend::new(sink, config.on_error.clone(), back);
        let shared = Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            generation: fork::generation(),
            alarm: Alarm::new(),
            config,
            clock,
            group,
            file,
            child: PerProcess::new(),
            guest: Mutex::new(guest),
            pool,
            backend: Mutex::new(Some(backend)),
            has_ended: AtomicBool::new(false),
            closing: AtomicUsize::new(0),
            nap: Nap::new(),
            room: Room::new(),
            waiters: WaitList::new(),
            flushes: Flushes::new(),
            errands: Errands::new(),
            drops,
            broken: OnceLock::new(),
            unflushed: OnceLock::new(),
            tally: Tally::default(),
        });
        if shared.config.close_at_exit {
            close_at_exit(&shared);
        }
        Some(shared)
    }

    /// Whether this belongs to a process that this one was forked from. Its locks may be held by threads that are gone.
    #[inline(always)]
    pub(super) fn is_orphaned(&self) -> bool {
        self.generation != fork::generation()
    }

    /// What stands for this in a forked child; `None` if the sink cannot be used there, or there is no memory. Made at the first use.
    #[cold]
    pub(super) fn in_child(&self) -> Option<&Arc<Shared>> {
        let make = || {
            let file = self.file.clone()?;
            let group = Group::builder().name("aside-log").max_threads(1).min_threads(0).build_lazily();
            Shared::new(self.config.clone(), Sink::File(file), group)
        };
        self.child.get_or_set(make).as_ref()
    }

    /// The same, if it was used.
    pub(super) fn made_in_child(&self) -> Option<&Arc<Shared>> {
        self.child.get()?.as_ref()
    }

    // --- Logging. ---

    /// Commits a record in the usual case: neither closed nor forked, and room in this thread's ring, where `push` can do it.
    #[inline(always)]
    pub(super) fn write_by(
        &self,
        record: &[u8],
        push: impl FnOnce(&mut Producer, &[u8], u64) -> bool,
    ) -> bool {
        // The stamp first, so that the processor goes on while it is read. The alarm is looked at lest a record be taken that nobody will write.
        !self.is_orphaned()
            && self.clock.now_easily().is_some_and(|stamp| {
                self.alarm.look().is_open() && front::push_by(self, |ring| push(ring, record, stamp))
            })
    }

    /// Logs a record; with a policy of its own, if it has one.
    pub(super) fn write_record(
        self: &Arc<Self>,
        record: &[u8],
        overflow: Option<Overflow>,
    ) -> Result<(), WriteError> {
        // Also where a large ring had room for it.
        if record.len() > front::LONGEST {
            return Err(WriteError::TooLong { len: record.len(), longest: front::LONGEST });
        }
        if self.write_by(record, Producer::push_if_easy) {
            return self.committed();
        }
        let overflow = overflow.unwrap_or(self.config.overflow);
        let mut copy = None;
        self.take_or_wait(overflow, |discards| front::attempt(self, record, &mut copy, discards))?;
        self.committed()
    }

    /// To be called after a commit.
    #[inline(always)]
    pub(super) fn committed(self: &Arc<Self>) -> Result<(), WriteError> {
        if self.alarm.is_fine_after_commit() { Ok(()) } else { self.committed_slowly() }
    }

    #[cold]
    fn committed_slowly(self: &Arc<Self>) -> Result<(), WriteError> {
        if self.alarm.look_after_commit().is_fine() {
            return Ok(());
        }
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

    /// Whether the rings are such that the oldest records may be discarded.
    pub(super) fn discards(&self) -> bool {
        self.config.overflow == Overflow::DropOldest
    }

    /// Makes an attempt to commit; if there is no room, as the overflow policy says. The attempt is told whether to discard old records first.
    pub(super) fn take_or_wait(
        self: &Arc<Self>,
        overflow: Overflow,
        mut attempt: impl FnMut(bool) -> Result<(), NoRoom>,
    ) -> Result<(), WriteError> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        if attempt(false).is_ok() {
            return Ok(());
        }
        if overflow == Overflow::DropOldest && self.discards() {
            self.nap.end();
            // Ends: an empty ring takes any record that is not too long.
            while attempt(true).is_err() {}
            return Ok(());
        }
        // Who drains cannot wait for the drain.
        if overflow != Overflow::Block || front::is_draining(self.id) {
            self.drops.count();
            // The drain tells it, if it sleeps already.
            if self.alarm.look_after_commit().is_asleep() {
                self.wake();
            }
            return Err(WriteError::Full);
        }
        let inside = self.group.core().is_current_thread();
        if !inside {
            self.nap.end();
            if room::spin(|| self.alarm.look().is_open() && attempt(false).is_ok()) {
                return Ok(());
            }
        }
        let mut place = None;
        let poll = |waker: &Waker| {
            let mut registered = None;
            loop {
                if let Some(refusal) = self.refusal() {
                    return Wait::Over(Err(refusal));
                }
                let Err(NoRoom { ring }) = attempt(false) else { return Wait::Over(Ok(())) };
                if registered == Some(ring) {
                    return Wait::on(self.group.core().nudge());
                }
                self.room.register(&mut place, ring, waker);
                registered = Some(ring);
                self.nap.end();
                if inside {
                    // Its own job may be waiting behind this one. When registered: see `help`.
                    self.help();
                }
            }
        };
        let taken = block_on(Deadline::NEVER, poll);
        self.room.leave(place);
        taken.unwrap_or(Err(WriteError::Full))
    }

    // --- Rings. ---

    /// A ring for a new thread; `None` if the budget is spent, or there is no memory.
    pub(super) fn take_front(&self) -> Option<Front> {
        let front = self.pool.take();
        if front.is_some() {
            self.clock.another_ring();
        }
        front
    }

    pub(super) fn count_guest(&self) {
        self.tally.guests.fetch_add(1, Ordering::Relaxed);
    }

    /// A thread is at its end.
    pub(super) fn retire(&self, front: Front) {
        if !self.is_orphaned() {
            self.pool.give_back(front);
        }
    }

    // --- The drain. ---

    /// Sees to it that a drain runs, if none does.
    pub(super) fn wake(self: &Arc<Self>) {
        if self.alarm.wake() {
            self.tally.wakes.fetch_add(1, Ordering::Relaxed);
            shift::start(self);
        }
    }

    /// Has the drain see what it was asked for.
    pub(super) fn call(self: &Arc<Self>) {
        if self.alarm.look_after_commit().is_asleep() {
            self.wake();
        }
        self.nap.end();
    }

    /// Whether the drain is asked for anything but to write records.
    pub(super) fn is_asked(&self) -> bool {
        self.flushes.is_pending() || !self.errands.is_empty() || self.drops.untold() > 0
    }

    /// Has a pass made by whoever has the backend's lock. `None` if the sink is gone.
    pub(super) fn with_backend<R>(&self, pass: impl FnOnce(&mut Backend) -> R) -> Option<R> {
        lock(&self.backend).as_mut().map(pass)
    }

    /// Makes a pass on this thread, unless another one is at it. If the writer is closed, brings it to its end. To be called by who is registered already: who
    /// is at it may know nothing of what the caller waits for, and wakes those whom it finds when it is done.
    pub(super) fn help(self: &Arc<Self>) {
        if front::is_draining(self.id) || front::is_deep() {
            return;
        }
        // Looked at before the pass: what was committed before it was closed is then brought.
        let is_closed = self.alarm.is_closed_for_all();
        let mut place = match self.backend.try_lock() {
            Ok(place) => place,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let Some(backend) = &mut *place else { return };
        backend.pass(self);
        if self.is_orphaned() {
            // The sink forked, and this is the child: the locks are the parent's.
            return;
        }
        let is_over =
            self.alarm.look().is_broken() || is_closed && !self.is_asked() && !backend.has_records(self);
        let over = if is_over { place.take() } else { None };
        drop(place);
        match over {
            Some(backend) => self.end_with(backend),
            None => self.wake_waiting(),
        }
    }

    /// Whether there is something to be brought.
    pub(super) fn has_more(&self) -> bool {
        self.is_asked() || self.with_backend(|backend| backend.has_records(self)).unwrap_or(false)
    }

    /// Nothing can be written any more.
    pub(super) fn break_off(&self, error: io::Error) {
        let _ = self.broken.set(Arc::new(error));
        self.alarm.break_off();
        self.wake_waiting();
    }

    /// The drain is done for good: drops the sink.
    pub(super) fn end(&self) {
        let backend = lock(&self.backend).take();
        // Else somebody else is at it.
        if let Some(backend) = backend {
            self.end_with(backend);
        }
    }

    fn end_with(&self, mut backend: Backend) {
        self.alarm.settle();
        self.tally.lost.fetch_add(backend.left(self), Ordering::Relaxed);
        if let Some(error) = backend.unflushed.take() {
            let _ = self.unflushed.set(error);
        }
        // The sink may use the writer as it is dropped, and must not wait for this.
        let draining = front::Draining::of(self.id);
        contain(move || drop(backend));
        drop(draining);
        self.has_ended.store(true, Ordering::SeqCst);
        self.wake_waiting();
    }

    /// All who wait for the drain, in one way or the other.
    pub(super) fn wake_waiting(&self) {
        self.room.wake_all();
        self.waiters.wake_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    pub(super) fn stats(&self) -> Stats {
        let tally = &self.tally;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        // A child's copy of the lock may be held by a thread that is gone.
        let rings = if self.is_orphaned() { 0 } else { self.pool.rings() };
        Stats {
            written: read(&tally.written),
            written_bytes: read(&tally.bytes),
            writes: read(&tally.writes),
            dropped: self.drops.total(),
            lost: read(&tally.lost),
            wakes: read(&tally.wakes),
            rings,
            threads_without_ring: read(&tally.guests),
        }
    }
}

impl Drop for Shared {
    /// The sink is the parent's, who drops it.
    fn drop(&mut self) {
        if self.is_orphaned() {
            if let Some(backend) = get_mut(&mut self.backend).take() {
                backend.disown();
            }
        }
    }
}
