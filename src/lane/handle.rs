//! A handle to a lane.

use super::builder::LaneBuilder;
use super::core::{Body, Core, LaneJob};
use super::drain::LaneDrain;
use super::into_inner::IntoInner;
use crate::group::{Bounded, Group, OffloadWait, Queue, RejectReason, Rejected};
use crate::job::{self, Host, Offload};
use crate::room::Room;
use crate::sync::Ordering;
use std::fmt;
use std::sync::Arc;

/// An ordered sequence of jobs over one owned value: a file, a connection, a parser with state.
///
/// Jobs get the value as `&mut T`, one at a time, in the order in which they were queued, each on whatever thread of the
/// [group](LaneBuilder::group) is free. A lane whose jobs are done holds no thread and takes some 250 bytes, so there may be thousands.
/// Handles, callbacks and cancelling are those of every job: see [`Offload`].
///
/// ```
/// use std::io::Write;
///
/// # futures::executor::block_on(async {
/// let log = aside::Group::global().lane(std::io::stdout());
/// log.offload(|out| writeln!(out, "first")).detach();
/// log.offload(|out| writeln!(out, "second")).await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// A clone is another handle to the same lane. When the last one is dropped, the jobs queued by then still run; then the value is
/// dropped, on an offload thread, as that may block too. (If its group takes no more jobs, on the thread of whoever lets go of
/// the lane last.) [`into_inner`](Self::into_inner) gives it back instead. As with any job, the end of `main` waits for none of that: call
/// [`drain`](Self::drain) first.
///
/// # Panics
///
/// A panic of a job goes to its awaiter, and the lane carries on with the next job and the same value. Whoever cannot
/// trust the value then asks [`is_poisoned`](Self::is_poisoned). (Jobs that were accepted are not lost because of one that failed;
/// `std::sync::Mutex` and its poison would lose them.)
///
/// # Fairness and waiting
///
/// Jobs that wait in a lane run in a row, as one job of the group: in its [statistics](Group::stats) too. After 64 jobs, or one
/// millisecond, whichever comes first, the lane makes way if other jobs wait for the thread, and queues up behind them. A single job is never
/// interrupted.
///
/// [`Offload::wait`] inside a job of the same group runs the lane's jobs right there if nobody else does; so waiting for a lane does
/// not deadlock with every thread of the group taken. Inside a job of the *same lane* it waits for itself, that is for ever.
///
/// # Forks
///
/// In a child made by `fork` a lane is closed; its jobs, and its value, are the parent's and are leaked.
pub struct Lane<T: Send + 'static> {
    core: Arc<Core<T>>,
    group: Group,
    /// A submitter asks here, and not the core, whose line the turn writes to with each job.
    is_bounded: bool,
}

impl<T: Send + 'static> Drop for Lane<T> {
    /// Ends the lane when the last handle goes.
    fn drop(&mut self) {
        if self.is_orphaned() {
            std::mem::forget(self.core.clone());
        } else if self.core.remove_handle() && self.core.close() {
            self.core.drop_value();
        }
    }
}

impl<T: Send + 'static> Clone for Lane<T> {
    fn clone(&self) -> Self {
        self.core.add_handle();
        Self { core: self.core.clone(), group: self.group.clone(), is_bounded: self.is_bounded }
    }
}

impl Group {
    /// A lane of this group: jobs over one value, in order, one at a time. Starts no thread. See [`Lane`].
    ///
    /// ```
    /// let group = aside::Group::builder().build()?;
    /// let lane = group.lane(Vec::new());
    /// lane.offload(|list| list.push(1)).detach();
    /// assert_eq!(lane.offload(|list| list.len()).wait(), 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn lane<T: Send + 'static>(&self, value: T) -> Lane<T> {
        Lane::builder().group(self).build(value)
    }
}

impl Lane<()> {
    /// Settings for a lane. The type of its value follows from what [`build`](LaneBuilder::build) is called with.
    pub fn builder() -> LaneBuilder {
        LaneBuilder::default()
    }
}

impl<T: Send + 'static> Lane<T> {
    pub(super) fn new(value: T, group: Group, limit: Option<usize>) -> Self {
        let core = Arc::new(Core::new(Body::new(value, group.core().clone(), limit)));
        Self { core, group, is_bounded: limit.is_some() }
    }

    pub(super) fn core(&self) -> &Arc<Core<T>> {
        &self.core
    }

    /// The group whose threads run the jobs.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Queues a job behind the others, at once, and returns the future of its output. Never blocks, and never refuses for
    /// lack of room. Costs one allocation.
    ///
    /// If the lane or its group takes no more jobs, the job is dropped and the future resolves as cancelled;
    /// [`try_offload`](Self::try_offload) gives it back.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lane = aside::Group::global().lane(40);
    /// assert_eq!(lane.offload(|n| *n + 2).await, 42);
    /// # });
    /// ```
    pub fn offload<F, R>(&self, job: F) -> Offload<R>
    where
        F: FnOnce(&mut T) -> R + Send + 'static,
        R: Send + 'static,
    {
        let core = self.core();
        core.prefetch();
        let (task, offload) = job::new(LaneJob::new(job), core.clone());
        if let Some(room) = self.room() {
            room.take_anyway(1);
        }
        if let Err(task) = core.push(task, self.group.core()) {
            if self.is_bounded {
                core.give_place_back();
            }
            // A closed lane drops a job without a word, also one whose destructor panics.
            drop(task);
        }
        offload
    }

    /// Queues a job if the lane takes it.
    ///
    /// # Errors
    ///
    /// Gives the closure back, with the reason: the lane is [full](RejectReason::Full), or it or its group is
    /// [closed](RejectReason::Closed).
    ///
    /// ```
    /// let lane = aside::Lane::builder().queue_limit(100).build(String::new());
    /// match lane.try_offload(|text| text.push('x')) {
    ///     Ok(queued) => queued.detach(),
    ///     Err(rejected) => assert!(rejected.is_full()),
    /// }
    /// ```
    pub fn try_offload<F, R>(&self, job: F) -> Result<Offload<R>, Rejected<F>>
    where
        F: FnOnce(&mut T) -> R + Send + 'static,
        R: Send + 'static,
    {
        self.offload_if(job, Room::try_take)
    }

    /// Queues a job if the lane takes it, and `take_place` found a place if they are limited.
    fn offload_if<F, R>(
        &self,
        job: F,
        take_place: impl FnOnce(&Room) -> bool,
    ) -> Result<Offload<R>, Rejected<F>>
    where
        F: FnOnce(&mut T) -> R + Send + 'static,
        R: Send + 'static,
    {
        let core = self.core();
        if !self.takes_jobs() {
            return Err(Rejected::new(job, RejectReason::Closed));
        }
        if self.room().is_some_and(|room| !take_place(room)) {
            return Err(Rejected::new(job, RejectReason::Full));
        }
        let queued = job::push_or_reclaim(LaneJob::new(job), core.clone(), |task| {
            core.push(task, self.group.core()).map_err(Some)
        });
        queued.map_err(|job| Rejected::new(job.into_job(), RejectReason::Closed))
    }

    /// Queues a job as soon as there is room in the lane: the future resolves to the job's handle, not to its output. Nothing is queued before the
    /// first poll. Whoever waits is woken in turn, but others may take the room before.
    ///
    /// # Errors
    ///
    /// Gives the closure back if the lane or its group is [closed](RejectReason::Closed). (If the group is closed while jobs wait in the lane, this is told when
    /// the next of them leaves the queue.) With a limit of 0 there never is room: [`Full`](RejectReason::Full), at once.
    ///
    /// # Cancellation
    ///
    /// Dropping the future before it resolves drops the closure; nothing was queued.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lane = aside::Lane::builder().queue_limit(2).build(0);
    /// for n in 0..100 {
    ///     // No more than two of them wait at a time.
    ///     lane.offload_wait(move |sum| *sum += n).await.unwrap().detach();
    /// }
    /// assert_eq!(lane.into_inner().await, Some(4950));
    /// # });
    /// ```
    pub fn offload_wait<F, R>(&self, job: F) -> OffloadWait<F, R, Self>
    where
        F: FnOnce(&mut T) -> R + Send + 'static,
        R: Send + 'static,
    {
        OffloadWait::new(self.clone(), job)
    }

    /// Queues a job, also if the lane or its group is closed or full. Without anybody to run it, it is cancelled.
    pub(crate) fn offload_regardless<F, R>(&self, job: F) -> Offload<R>
    where
        F: FnOnce(&mut T) -> R + Send + 'static,
        R: Send + 'static,
    {
        self.core().push_regardless(LaneJob::new(job))
    }

    /// By how much to count time that is spent in vain waiting for its jobs without sleeping; `None` if nobody is to wait so.
    pub(crate) fn spin_weight(&self) -> Option<u32> {
        self.core.spin_weight()
    }

    /// Whether this is a forked child's copy.
    pub(crate) fn is_orphaned(&self) -> bool {
        self.core().is_orphaned()
    }

    /// Takes no more jobs, and drops the value on an offload thread once those that are queued by now are done with. The future
    /// resolves when it is dropped.
    pub(crate) fn end(&self) -> Offload<()> {
        self.core().close_and_tell();
        self.core().push_last(drop)
    }

    /// Waits until the jobs that are queued by now are done with, callbacks included. As a future, or by blocking with
    /// [`wait`](LaneDrain::wait). Jobs that are queued later are not waited for.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lane = aside::Group::global().lane(0);
    /// lane.offload(|n| *n += 1).detach();
    /// lane.drain().await;
    /// # });
    /// ```
    pub fn drain(&self) -> LaneDrain {
        LaneDrain::new(self.offload_regardless(|_| ()))
    }

    /// Takes no more jobs, from any handle, and gives the value back once those that are queued by now are done with. As a future,
    /// or by blocking with [`wait`](IntoInner::wait). `None` if another handle was faster, or in a forked child.
    ///
    /// If the group is shut down first, which cancels the jobs, the value still comes.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lane = aside::Group::global().lane(Vec::new());
    /// lane.offload(|lines| lines.push("one")).detach();
    /// assert_eq!(lane.into_inner().await, Some(vec!["one"]));
    /// # });
    /// ```
    pub fn into_inner(self) -> IntoInner<T> {
        IntoInner::new(self.core())
    }

    /// Whether a job has panicked, so that the value may be half-changed. Jobs run all the same.
    ///
    /// ```
    /// let lane = aside::Group::global().lane(1);
    /// let _ = lane.offload(|_| panic!("half-way")).catch().wait();
    /// assert!(lane.is_poisoned());
    /// lane.offload(|n| *n = 1).wait();
    /// lane.clear_poison();
    /// assert!(!lane.is_poisoned());
    /// ```
    pub fn is_poisoned(&self) -> bool {
        // Acquire: pairs with the release of the turn that set it.
        self.core().poisoned().load(Ordering::Acquire)
    }

    /// Says that the value is as it should be.
    pub fn clear_poison(&self) {
        self.core().poisoned().store(false, Ordering::Release);
    }

    /// How many jobs wait. The one that runs is not among them.
    pub fn queued(&self) -> usize {
        self.core().queued()
    }

    /// Whether the lane takes no more jobs.
    pub fn is_closed(&self) -> bool {
        !self.takes_jobs()
    }

    /// Whether submitting makes sense. A lane or group that is closed right after is caught by [`Core::push`].
    fn takes_jobs(&self) -> bool {
        !self.core().look().is_closed() && self.group().core().takes_jobs()
    }
}

impl<T: Send + 'static> Bounded for Lane<T> {
    fn room(&self) -> Option<&Room> {
        if self.is_bounded { self.core().room.as_deref() } else { None }
    }

    fn is_emptied_here(&self) -> bool {
        self.group.core().is_current_thread()
    }

    fn is_orphaned(&self) -> bool {
        self.core().is_orphaned()
    }
}

impl<T, F, R> Queue<F, R> for Lane<T>
where
    T: Send + 'static,
    F: FnOnce(&mut T) -> R + Send + 'static,
    R: Send + 'static,
{
    fn attempt(&self, job: F) -> Result<Offload<R>, Rejected<F>> {
        self.try_offload(job)
    }

    fn attempt_beyond(&self, job: F) -> Result<Offload<R>, Rejected<F>> {
        self.offload_if(job, |room| {
            room.take_anyway(1);
            true
        })
    }
}

impl<T: Send + 'static> fmt::Debug for Lane<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("queued", &self.queued()).field("group", self.group()).finish()
    }
}
