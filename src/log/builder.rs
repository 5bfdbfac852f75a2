//! Settings of a writer.

use super::drops::{Dropped, OnDrop};
use super::guard::Guard;
use super::shared::Shared;
use super::sink::{self, OnError, Reaction, Sink};
use super::writer::Writer;
use crate::group::Group;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What to do with a record for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The thread waits until there is. Nothing is lost. (A thread that logs from inside the sink never waits: see
    /// [`WriteError::Full`](super::WriteError::Full).)
    #[default]
    Block,
    /// The record is refused, and counted. The log itself tells how many: see [`Builder::report_drops`].
    DropNewest,
    /// Some of the oldest records of this thread that wait are given up for the new one, and counted. The log itself tells how many, in their
    /// place. Nobody ever waits, not even who logs from inside the sink.
    ///
    /// As for a single record ([`Writer::write_record_with`]): only where the writer itself has this policy; else as `DropNewest`. A record that was waited
    /// for may be given up later.
    ///
    /// Has each record copied once more, by the drain, and takes three times the memory.
    DropOldest,
}

/// Which order the records have in the sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Those of each thread in order; and if one log call returned before another one began, on whatever thread, in any way the program
    /// can know, their records stand in that order. Costs a look at the processor's counter, or the clock, per record, once more than
    /// one thread has logged.
    #[default]
    Causal,
    /// Those of each thread in order, and nothing else.
    PerThread,
}

#[derive(Clone)]
pub(super) struct Config {
    pub(super) capacity: usize,
    pub(super) budget: usize,
    pub(super) overflow: Overflow,
    pub(super) order: Order,
    pub(super) on_error: OnError,
    pub(super) report_drops: bool,
    pub(super) on_drop: Option<OnDrop>,
    pub(super) patience: Duration,
    pub(super) close_at_exit: bool,
    /// To a file with a name.
    pub(super) appends: bool,
}

enum Target {
    Stdout,
    Stderr,
    Append(PathBuf),
    Ready(Sink),
}

/// Settings of a [`Writer`]. Made by [`Writer::builder`].
#[must_use = "does nothing before it is built"]
pub struct Builder {
    config: Config,
    group: Option<Group>,
    target: Target,
}

const DEFAULT_CAPACITY: usize = 256 * 1024;
const DEFAULT_BUDGET: usize = 256 * 1024 * 1024;
const DEFAULT_PATIENCE: Duration = Duration::from_secs(5);

impl Builder {
    pub(super) fn new() -> Self {
        let config = Config {
            capacity: DEFAULT_CAPACITY,
            budget: DEFAULT_BUDGET,
            overflow: Overflow::default(),
            order: Order::default(),
            on_error: Arc::new(Reaction::default_for),
            report_drops: true,
            on_drop: None,
            patience: DEFAULT_PATIENCE,
            close_at_exit: true,
            appends: false,
        };
        Self { config, group: None, target: Target::Stdout }
    }

    /// Bytes of records that may wait for each thread. Default: 256 KiB. Rounded up to a power of two, from 1 KiB to 1 GiB (512 MiB under [`Overflow::DropOldest`]). A quarter
    /// more goes to keeping account of the records, one place for each 64 bytes: shorter records fill those first.
    ///
    /// Records longer than half of it take another way, with an allocation and a lock, in the same order; and so do those longer than 16 KiB of threads that share a ring (see [`budget`](Self::budget)).
    ///
    /// From 64 KiB to 1 MiB the rings come in *slabs* of 2 MiB, six rings of the default capacity in each. [`build`](Self::build) makes the first one, with the common ring in
    /// it; the offload thread prepares another whenever the last prepared ring was taken. So a thread's first record allocates no ring, and comes to memory that is there already. That takes 2 MiB from
    /// the start, all of it resident, and 4 MiB from the fifth logging thread on. If threads begin faster than that, they make rings of their own, as all do with other
    /// capacities: zeroed by the system, page by page, as records come there.
    ///
    /// On Linux a slab is one huge page, if `/sys/kernel/mm/transparent_hugepage/enabled` says `madvise` or `always`: records come to a new page less often.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.config.capacity = bytes;
        self
    }

    /// How much memory all rings together may take. Default: 256 MiB. When it is spent, or the system has no memory for another ring, further threads share one, under a lock, which is there in any case.
    /// Records that take the other way are not counted.
    ///
    /// A slab (see [`capacity`](Self::capacity)) counts as 2 MiB as long as any of its rings is there. Where the budget has no room for one there is none, and each ring counts for itself.
    ///
    /// What threads leave is given to those that come later. When nothing is logged, eight such rings are kept, the oldest; others are given back to the system, those of a slab when no ring of it
    /// is kept or has a thread. (But one slab stays prepared.) So after many threads some 4 MiB are left with the default capacity, if all have ended.
    pub fn budget(mut self, bytes: usize) -> Self {
        self.config.budget = bytes;
        self
    }

    /// What to do with a record for which there is no room. Default: [`Overflow::Block`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.config.overflow = overflow;
        self
    }

    /// Which order the records have. Default: [`Order::Causal`].
    pub fn order(mut self, order: Order) -> Self {
        self.config.order = order;
        self
    }

    /// Whether the log itself tells how many records were dropped, and when, in a line such as `[aside: 12 records dropped between
    /// 2026-01-31T08:15:30.123456Z and 2026-01-31T08:15:30.234567Z]`. It stands behind the records that came before them. Default: yes.
    pub fn report_drops(mut self, report: bool) -> Self {
        self.config.report_drops = report;
        self
    }

    /// Called on the offload thread whenever records were dropped, whether the log itself tells it or not: for a metric, or an alarm. It should
    /// return soon, as the log is not written meanwhile. If it panics, nothing is written any more, as after a panic of the sink, and the error says so.
    ///
    /// ```
    /// use aside::log::{Overflow, Writer};
    ///
    /// let (log, guard) = Writer::builder()
    ///     .sink(std::io::sink())
    ///     .overflow(Overflow::DropNewest)
    ///     .on_drop(|dropped| eprintln!("{} records", dropped.records))
    ///     .build()?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn on_drop(mut self, tell: impl Fn(&Dropped) + Send + Sync + 'static) -> Self {
        self.config.on_drop = Some(Arc::new(tell));
        self
    }

    /// The group whose threads write. Default: one of its own, `aside-log`, of one thread. In a forked child it is always one of its own.
    ///
    /// One job writes for as long as records keep coming: it takes a thread of the group, and leaves it half a millisecond after the last record. So a group
    /// that has one thread only, and other jobs, may run them late.
    ///
    /// Who waits for the log on a thread of that group (for room, for a flush, for the guard) writes meanwhile, if nobody else does: the job may be queued behind its own. So the sink may
    /// keep it for longer than until its deadline.
    pub fn group(mut self, group: &Group) -> Self {
        self.group = Some(group.clone());
        self
    }

    /// Called on the offload thread when the sink fails: with the error, and how many times in a row it has failed. Says what to do. Not
    /// called for interrupted calls, nor for a descriptor that would block: those are seen to. Default: [`Reaction::default_for`].
    ///
    /// Also called when the sink's `flush` fails. To drop then is to go on: what the sink has taken counts as written, and whoever waits for a flush is told:
    /// [`FlushError::NotFlushed`](super::FlushError::NotFlushed). So is who closes the guard: [`Report::error`](super::Report::error).
    ///
    /// If it panics, nothing is written any more, as after `Stop`, and the error says so.
    ///
    /// ```
    /// use aside::log::{Reaction, Writer};
    ///
    /// let (log, guard) = Writer::builder()
    ///     .sink(std::io::sink())
    ///     .on_error(|error, attempt| {
    ///         eprintln!("the log: {error}");
    ///         Reaction::default_for(error, attempt)
    ///     })
    ///     .build()?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn on_error(mut self, react: impl Fn(&io::Error, u32) -> Reaction + Send + Sync + 'static) -> Self {
        self.config.on_error = Arc::new(react);
        self
    }

    /// How long the guard waits when it is dropped, and the end of the process if it was not. Default: 5 s.
    pub fn drop_deadline(mut self, duration: Duration) -> Self {
        self.config.patience = duration;
        self
    }

    /// Whether the end of the process, by the return of `main` or by [`std::process::exit`], closes the writer if the guard did not: takes no more
    /// records, waits until all are written, but no longer than [`drop_deadline`](Self::drop_deadline), and says on standard error if some were not.
    /// Default: yes. On Unix only. A writer whose guard waits on another thread just then is waited for as well.
    ///
    /// Nothing can be done where the process is not asked: when it is killed, aborts, calls `_exit` or `exec`, or dies of a signal; nor if `exit` is
    /// called from inside the sink. Then what is in the rings is lost. In a forked child this closes what the child has logged, and nothing else.
    pub fn close_at_exit(mut self, close: bool) -> Self {
        self.config.close_at_exit = close;
        self
    }

    /// Writes to anything. It is flushed after each pass over the rings. Called on offload threads, by one at a time. A writer should take
    /// several slices at a time (`write_vectored`), as files do.
    ///
    /// Each slice that it is given holds whole records: one or many, up to 64 KiB of them, or a longer one. (But when it took a part of them only, or failed in between: then the
    /// next slice begins with the rest.) So a sink that goes on to another file between two calls, and takes what it is given, splits no record: `examples/log_rotation.rs`
    /// shows one.
    pub fn sink(mut self, sink: impl Write + Send + 'static) -> Self {
        self.target = Target::Ready(Sink::Any(Box::new(sink)));
        self
    }

    /// Writes to the process's standard output, past the buffer of `std::io::stdout`. This is the default.
    pub fn stdout(mut self) -> Self {
        self.target = Target::Stdout;
        self
    }

    /// Writes to the process's standard error.
    pub fn stderr(mut self) -> Self {
        self.target = Target::Stderr;
        self
    }

    /// Appends to a file, which is made if there is none. [`Writer::reopen`] changes it.
    pub fn append(mut self, path: impl Into<PathBuf>) -> Self {
        self.target = Target::Append(path.into());
        self
    }

    /// Writes to a descriptor. One that was set non-blocking is waited for.
    #[cfg(unix)]
    pub fn fd(mut self, fd: std::os::fd::OwnedFd) -> Self {
        self.target = Target::Ready(Sink::File(Arc::new(File::from(fd))));
        self
    }

    /// Makes the writer, and the guard that ends it.
    ///
    /// # Errors
    ///
    /// What the system said: the file cannot be opened, or a thread not be started. [`OutOfMemory`](io::ErrorKind::OutOfMemory) if there is none for the common ring.
    pub fn build(mut self) -> io::Result<(Writer, Guard)> {
        self.config.appends = matches!(self.target, Target::Append(_));
        let file = |file| Sink::File(Arc::new(file));
        let sink = match self.target {
            Target::Stdout => standard(io::stdout())?,
            Target::Stderr => standard(io::stderr())?,
            Target::Append(path) => file(sink::open(&path)?),
            Target::Ready(sink) => sink,
        };
        let group = match self.group {
            Some(group) => group,
            None => Group::builder().name("aside-log").min_threads(1).max_threads(1).build()?,
        };
        let shared = Shared::new(self.config, sink, group).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok((Writer::new(shared.clone()), Guard::new(shared)))
    }
}

/// A descriptor of its own, without a buffer.
#[cfg(unix)]
fn standard(stream: impl std::os::fd::AsFd) -> io::Result<Sink> {
    Ok(Sink::File(Arc::new(File::from(stream.as_fd().try_clone_to_owned()?))))
}

#[cfg(not(unix))]
fn standard(stream: impl Write + Send + 'static) -> io::Result<Sink> {
    Ok(Sink::Any(Box::new(stream)))
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("capacity", &self.config.capacity)
            .field("budget", &self.config.budget)
            .field("overflow", &self.config.overflow)
            .field("order", &self.config.order)
            .finish_non_exhaustive()
    }
}
