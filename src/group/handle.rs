//! A handle to a group.

use super::batch::OffloadAll;
use super::builder::Builder;
use super::core::Core;
use super::drain::Drain;
use super::error::{RejectReason, Rejected};
use super::offload_wait::{Bounded, OffloadWait, Queue};
use super::shutdown::{self, Left};
use super::stats::Stats;
use crate::deadline::Deadline;
use crate::job::{Batch, Host, Offload};
use crate::panic::contain;
use crate::room::Room;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A set of offload threads with one queue and one policy.
///
/// Most programs need only the [global](Group::global) one, which [`offload`](crate::offload) uses. One's own is for
/// work that must not wait behind other work, or needs a priority, a limit or an order of its own:
///
/// ```
/// let group = aside::Group::builder().name("db").max_threads(8).queue_limit(1_000).build()?;
/// let rows = group.offload(|| 42).wait();
/// assert_eq!(rows, 42);
/// # std::io::Result::Ok(())
/// ```
///
/// A clone is another handle to the same group. When the last handle of an owned group is dropped, the jobs queued by
/// then still run, then its threads leave; nothing waits for that. To wait, use [`drain`](Self::drain) or
/// [`shutdown`](Self::shutdown). The end of `main` and [`std::process::exit`] do not wait either: jobs that are queued then are
/// lost, and jobs that run are cut off. If a group has no thread when its last handle goes, and the system refuses one, its jobs are
/// cancelled there and then.
///
/// Jobs start in the order in which they were queued. With more than one thread, nothing is said about the order
/// in which they end.
///
/// # Forks
///
/// In a child made by `fork` a group of its parent is closed and its jobs are the parent's: none of them runs in the
/// child, handles to them resolve as cancelled, and dropping those leaks them. The global group starts afresh.
#[derive(Clone)]
pub struct Group {
    owner: Arc<Owner>,
}

/// Closes the group when the last handle goes.
struct Owner {
    core: Arc<Core>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl Group {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { owner: Arc::new(Owner { core }) }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.owner.core
    }

    /// Settings for a group of one's own.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The group that [`offload`](crate::offload) uses. Made on first use with the builder's defaults, unless
    /// [`Builder::build_global`] made it before; its first thread starts with the first job.
    ///
    /// The environment variable `ASIDE_MAX_THREADS` sets the maximum of threads of the default one, which otherwise is
    /// 500. A value that is not a whole number from 1 to 65535 is passed over.
    ///
    /// ```
    /// let group = aside::Group::global();
    /// assert_eq!(group.offload(|| "done").wait(), "done");
    /// ```
    #[inline]
    pub fn global() -> &'static Group {
        super::global()
    }

    /// Queues a job, at once, and returns the future of its output. Never blocks and never refuses for lack of room:
    /// see [`Builder::queue_limit`].
    ///
    /// In a group that was closed, the job is dropped and the future resolves as cancelled (see [`Offload`]); where that
    /// can happen, [`try_offload`](Self::try_offload) gives the closure back. If the system refuses the group a thread, the job waits
    /// in the queue for a running one; and every later job, poll and wait tries again. (Without any thread, who polls is asked to poll
    /// again at once, so an executor spins until the system relents. A group that always has a thread, as by default, is safe from that.)
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let group = aside::Group::builder().build()?;
    /// assert_eq!(group.offload(|| 1 + 1).await, 2);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn offload<F, T>(&self, job: F) -> Offload<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let core = self.core();
        let (task, mut offload) = core.new_job(job);
        if !core.takes_jobs() {
            drop(task);
            return offload;
        }
        if let Some(room) = &core.room {
            room.take_anyway(1);
        }
        if !core.push(task) {
            cancel_refused(core, [&mut offload]);
        }
        offload
    }

    /// Queues a job if the group takes it.
    ///
    /// # Errors
    ///
    /// Gives the closure back, with the reason: the queue is [full](RejectReason::Full), the group is
    /// [closed](RejectReason::Closed), or it has no thread and the system [refuses](RejectReason::Spawn) to start one.
    ///
    /// ```
    /// use aside::RejectReason;
    ///
    /// let group = aside::Group::builder().max_threads(1).queue_limit(1).build()?;
    /// let (open, gate) = std::sync::mpsc::channel::<()>();
    /// let (at_gate, arrived) = std::sync::mpsc::channel();
    /// let running = group.offload(move || { at_gate.send(()).unwrap(); gate.recv() });
    /// arrived.recv().unwrap();
    ///
    /// let waiting = group.try_offload(|| "second").unwrap();
    /// let rejected = group.try_offload(|| "third").unwrap_err();
    /// assert!(rejected.is_full());
    /// open.send(()).unwrap();
    /// # running.wait().unwrap();
    /// assert_eq!(waiting.wait(), "second");
    /// assert_eq!(group.offload(rejected.into_job()).wait(), "third");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn try_offload<F, T>(&self, job: F) -> Result<Offload<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.offload_if(job, |room| room.try_take())
    }

    /// Queues a job if the group takes it, and `take_place` found a place in a bounded queue.
    fn offload_if<F, T>(
        &self,
        job: F,
        take_place: impl FnOnce(&Room) -> bool,
    ) -> Result<Offload<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let core = self.core();
        if !core.takes_jobs() {
            return Err(Rejected::new(job, RejectReason::Closed));
        }
        if core.room.as_ref().is_some_and(|room| !take_place(room)) {
            return Err(Rejected::new(job, RejectReason::Full));
        }
        if core.counts().load().threads() == 0 {
            if let Err(error) = core.ensure_threads(1) {
                core.leave_room();
                return Err(Rejected::new(job, RejectReason::Spawn(error)));
            }
        }
        core.push_or_reclaim(job).map_err(|job| Rejected::new(job, RejectReason::Closed))
    }

    /// Queues a job as soon as there is room: the future resolves to the job's handle, not to its output. Nothing is queued
    /// before the first poll. Whoever waits is woken in turn, but others may take the room before.
    ///
    /// # Errors
    ///
    /// Gives the closure back if the group is closed, or has no thread and cannot start one: see [`try_offload`](Self::try_offload).
    ///
    /// # Cancellation
    ///
    /// Dropping the future before it resolves drops the closure; nothing was queued.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let group = aside::Group::builder().max_threads(1).queue_limit(2).build()?;
    /// for n in 0..100 {
    ///     // Goes on when there is room; the job itself runs later.
    ///     group.offload_wait(move || n).await.unwrap().detach();
    /// }
    /// group.drain().await;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn offload_wait<F, T>(&self, job: F) -> OffloadWait<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        OffloadWait::new(self.clone(), job)
    }

    /// Queues many jobs with one push and one wake-up, and returns the stream of their outputs, in the jobs' order.
    ///
    /// The iterator is run to its end first, on this thread, before any job is queued.
    ///
    /// ```
    /// use futures::StreamExt;
    ///
    /// # futures::executor::block_on(async {
    /// let squares = aside::Group::global().offload_all((0..5).map(|n| move || n * n));
    /// assert_eq!(squares.collect::<Vec<_>>().await, [0, 1, 4, 9, 16]);
    /// # });
    /// ```
    pub fn offload_all<F, T>(&self, jobs: impl IntoIterator<Item = F>) -> OffloadAll<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let core = self.core();
        // Foreign code first: should the iterator panic, nothing has begun.
        let jobs: Vec<F> = jobs.into_iter().collect();
        let mut batch = Batch::new();
        let mut offloads = VecDeque::with_capacity(jobs.len());
        for job in jobs {
            let (task, offload) = core.new_job(job);
            batch.push(task);
            offloads.push_back(offload);
        }
        if offloads.is_empty() {
            return OffloadAll::new(offloads);
        }
        if !core.takes_jobs() {
            drop(batch);
            return OffloadAll::new(offloads);
        }
        if let Some(room) = &core.room {
            room.take_anyway(batch.len());
        }
        if !core.push(batch) {
            cancel_refused(core, &mut offloads);
        }
        OffloadAll::new(offloads)
    }

    /// Waits until no accepted job is left, queued or running, and all their callbacks have returned. As a future, or by
    /// blocking with [`wait`](Drain::wait).
    ///
    /// The group goes on taking jobs meanwhile. If others feed it without a break, there may never be a moment without
    /// a job. Called from inside one of the group's own jobs, it waits for itself, that is for ever.
    ///
    /// ```
    /// let group = aside::Group::builder().build()?;
    /// group.offload(|| println!("written")).detach();
    /// group.drain().wait();
    /// assert_eq!(group.stats().finished, 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn drain(&self) -> Drain {
        Drain::new(self.core().clone())
    }

    /// Takes no more jobs, from now on. What is queued still runs. Waits for nothing; [`drain`](Self::drain) does.
    ///
    /// The same happens by itself when the last handle of an owned group is dropped.
    pub fn close(&self) {
        self.core().close();
    }

    /// Whether the group takes no more jobs.
    pub fn is_closed(&self) -> bool {
        !self.core().takes_jobs()
    }

    /// Closes the group and blocks this thread until its jobs are done and its threads have left, but no
    /// longer than until the deadline. Then the jobs that have not started are cancelled: their closures are dropped, and
    /// their handles resolve, as cancelled, with their callbacks on this thread. Jobs that run go on: there is
    /// no way to stop a thread. Returns what was left.
    ///
    /// Inside a job of the group itself, that job counts as left over but is not waited for, by no shutdown. (If all threads are inside such
    /// jobs, nobody is left for what is queued: it is waited for in vain, until the deadline. Jobs behind it in its own lane are not waited
    /// for: they run when it has returned.) In a hook of a thread it is
    /// that thread that is not waited for. In async code, put it aside: `offload(move || group.shutdown(deadline)).await`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let group = aside::Group::builder().build()?;
    /// group.offload(|| "quick").detach();
    /// let left = group.shutdown(Duration::from_secs(10));
    /// assert!(left.is_nothing());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn shutdown(&self, deadline: impl Into<Deadline>) -> Left {
        shutdown::shutdown(self.core(), deadline.into())
    }

    /// What the group is doing and has done.
    pub fn stats(&self) -> Stats {
        Stats::of(self.core())
    }

    /// How long its jobs waited and ran; `None` unless the group was built with [`Builder::timings`]. Allocates two histograms of
    /// 5 KiB.
    #[cfg(feature = "timings")]
    pub fn timings(&self) -> Option<super::Timings> {
        self.core().meters.as_ref().map(|meters| meters.read())
    }
}

/// Cancels jobs that were pushed as the group was being closed, if no worker has started them.
fn cancel_refused<'a, T: 'a>(core: &Core, offloads: impl IntoIterator<Item = &'a mut Offload<T>>) {
    for offload in offloads {
        // A closed group drops a job without a word, also one whose destructor panics.
        contain(|| {
            offload.cancel_now();
        });
    }
    core.clear_refused();
}

impl Bounded for Group {
    fn room(&self) -> Option<&Room> {
        self.core().room.as_ref()
    }

    fn is_emptied_here(&self) -> bool {
        self.core().is_current_thread()
    }

    fn is_orphaned(&self) -> bool {
        self.core().is_orphaned()
    }
}

impl<F, T> Queue<F, T> for Group
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn attempt(&self, job: F) -> Result<Offload<T>, Rejected<F>> {
        self.try_offload(job)
    }

    fn attempt_beyond(&self, job: F) -> Result<Offload<T>, Rejected<F>> {
        self.offload_if(job, |room| {
            room.take_anyway(1);
            true
        })
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("name", &self.core().config.name)
            .field("counts", &self.core().counts().load())
            .field("queued", &self.core().queue.live())
            .finish()
    }
}
