//! What the handles, the jobs and the threads of a group share.

use super::builder::Config;
use super::counts::{AtomicCounts, Counts, Role};
use super::parked::Parked;
use super::scale::Step;
use super::shutdown::ShuttingDown;
use super::starter::Starter;
use super::tally::{Tally, WorkTally};
#[cfg(feature = "timings")]
use super::timings::{Meters, Timed};
use super::{current, worker};
use crate::job::{self, Batch, Beside, Host, Job, Offload, Popped, Queue, Task};
use crate::os::fork;
use crate::room::Room;
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, loom_fence, yield_now};
use crate::wait_list::WaitList;
use std::io;
use std::sync::{Arc, Weak};

pub(crate) struct Core {
    /// With the counts as its sign.
    pub(super) queue: Queue<Beside<AtomicCounts>>,
    pub(super) parked: Parked,
    pub(super) room: Option<Room>,
    pub(super) tally: Tally,
    #[cfg(feature = "timings")]
    pub(super) meters: Option<Arc<Meters>>,
    pub(super) config: Config,
    pub(super) starter: Starter,
    /// Whether the thread that was woken last came up on its waker's processor, and nothing was prompt since. A hint.
    pub(super) is_near: AtomicBool,
    /// How many of the threads inside jobs are known to be stuck there. A hint, seldom written.
    pub(super) stuck: AtomicUsize,
    /// Something that `drain` or `shutdown` may wait for has happened: a thread found the queue empty, or left, or a
    /// job was cancelled.
    pub(super) quiet: WaitList,
    /// The process this group lives in.
    pub(super) generation: usize,
    /// Threads that run code of this crate or the user's, hooks included; the counts let go of a thread before its last hook.
    alive: AtomicUsize,
    /// Jobs that wait inside them for the group to be shut down, and threads that do: nobody waits for those.
    pub(super) shutting_down: Mutex<ShuttingDown>,
    /// A shutdown cancels what has not started.
    pub(super) cut_short: AtomicBool,
    /// For the threads.
    me: Weak<Core>,
}

/// By how much to count time spent spinning in vain. Two threads on one processor go on until the kernel parts them; on processors of
/// their own they have no better times to wait for.
pub(super) fn spin_weight(is_near: bool) -> u32 {
    if is_near { 1 } else { 8 }
}

/// A job to be run.
pub(super) struct Next {
    job: job::Claimed,
    /// Whether another one is known to wait behind it.
    more: bool,
}

impl Core {
    pub(super) fn new(config: Config) -> Arc<Self> {
        fork::watch();
        Arc::new_cyclic(|me| Self {
            queue: Queue::new(Beside::new(AtomicCounts::new())),
            parked: Parked::new(),
            room: config.queue_limit.map(Room::new),
            tally: Tally::new(),
            #[cfg(feature = "timings")]
            meters: config.timings.then(Meters::new),
            config,
            starter: Starter::new(),
            is_near: AtomicBool::new(false),
            stuck: AtomicUsize::new(0),
            quiet: WaitList::new(),
            generation: fork::generation(),
            alive: AtomicUsize::new(0),
            shutting_down: Mutex::new(ShuttingDown::default()),
            cut_short: AtomicBool::new(false),
            me: me.clone(),
        })
    }

    /// How many threads there are and what they are at.
    #[inline]
    pub(super) fn counts(&self) -> &AtomicCounts {
        self.queue.counter().sign()
    }

    // --- The submitter's side. ---

    /// Queues jobs and sees to it that somebody runs them. False if the group was closed before: then the caller is to
    /// take back those jobs that no worker has started. To be called only if [`takes_jobs`](Self::takes_jobs).
    #[inline]
    pub(super) fn push(&self, jobs: impl Into<Batch>) -> bool {
        self.queue.push(jobs.into());
        // Of "push, then look at the counts" and a worker's "change the counts, then look at the queue" at least one sees
        // the other: `README.md`, "The race".
        loom_fence();
        let counts = self.counts().load();
        if counts.is_closed() {
            return false;
        }
        self.grow(counts);
        true
    }

    /// A new job, not pushed yet.
    #[inline]
    pub(super) fn new_job<F, T>(self: &Arc<Self>, job: F) -> (Task, Offload<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        #[cfg(feature = "timings")]
        if let Some(meters) = &self.meters {
            return job::new(Timed::new(job, meters), self.clone());
        }
        job::new(job, self.clone())
    }

    /// A new job, pushed; or its closure, if the group was closed before and no worker has started it.
    pub(super) fn push_or_reclaim<F, T>(self: &Arc<Self>, job: F) -> Result<Offload<T>, F>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        #[cfg(feature = "timings")]
        if let Some(meters) = &self.meters {
            return self.push_or_reclaim_any(Timed::new(job, meters)).map_err(Timed::into_job);
        }
        self.push_or_reclaim_any(job)
    }

    fn push_or_reclaim_any<J: Job>(self: &Arc<Self>, job: J) -> Result<Offload<J::Output>, J> {
        let pushed =
            job::push_or_reclaim(job, self.clone(), |task| if self.push(task) { Ok(()) } else { Err(None) });
        if pushed.is_err() {
            self.clear_refused();
        }
        pushed
    }

    /// Whether a shutdown had no more patience: what has not started by then is cancelled.
    #[inline]
    pub(crate) fn is_cut_short(&self) -> bool {
        // Relaxed: nothing hangs on when it is seen.
        self.cut_short.load(Ordering::Relaxed)
    }

    /// Whether somebody waits for a thread.
    #[inline]
    pub(crate) fn has_queued_jobs(&self) -> bool {
        self.queue.len() > 0
    }

    /// Whether a thread with nothing to do may let a moment pass before it says so.
    pub(crate) fn may_linger(&self) -> bool {
        !self.config.linger.is_zero() && !cfg!(aside_loom) && !self.has_queued_jobs()
    }

    /// After a push that came to nothing, once the jobs are taken back: somebody has to clear their entries from the
    /// queue, as those hold this core.
    pub(super) fn clear_refused(&self) {
        // `push` stands before this, as in any submit.
        if self.counts().load().threads() == 0 {
            let _ = self.ensure_threads(1);
        }
    }

    /// Whether submitting makes sense. A group that closes right after is caught by [`push`](Self::push).
    pub(crate) fn takes_jobs(&self) -> bool {
        !self.is_orphaned() && !self.counts().load().is_closed()
    }

    /// Brings another thread if the policy wants one.
    #[inline]
    pub(super) fn grow(&self, counts: Counts) {
        let mut step = self.decide(counts);
        while step != Step::Nothing {
            let done = match step {
                Step::Nothing => true,
                Step::Unpark(role) => self.parked.wake_one(role, self.counts()),
                Step::Start(role) => !self.starter.may_try() || self.start_thread(role),
            };
            if done {
                return;
            }
            // Somebody else was faster, or the system refused: decide again.
            step = self.decide(self.counts().load());
        }
    }

    fn decide(&self, counts: Counts) -> Step {
        // Relaxed: a hint.
        let stuck = self.stuck.load(Ordering::Relaxed);
        self.config.scale.decide(counts, stuck, || self.queue.live(), self.config.max_threads)
    }

    /// Starts threads until there are so many, for work.
    pub(super) fn ensure_threads(&self, wanted: usize) -> io::Result<()> {
        while self.counts().start(Role::Work, wanted) {
            self.start_counted_thread(Role::Work)?;
        }
        Ok(())
    }

    /// Starts a thread if that keeps to the maximum. The error is counted, and kept for nobody: the jobs stay queued.
    pub(super) fn start_thread(&self, role: Role) -> bool {
        self.starter.may_try()
            && self.counts().start(role, self.config.max_threads)
            && self.start_counted_thread(role).is_ok()
    }

    fn start_counted_thread(&self, role: Role) -> io::Result<()> {
        let Some(me) = self.me.upgrade() else {
            unreachable!("whoever calls a method of the core holds it");
        };
        self.alive.fetch_add(1, Ordering::Relaxed);
        match worker::start(me, role) {
            Ok(()) => {
                self.tally.saw_threads(self.counts().load().threads());
                self.starter.succeeded();
                Ok(())
            }
            Err(error) => {
                self.thread_ended();
                self.tally.add_start_failure();
                self.starter.failed();
                self.counts().not_started(role);
                self.thread_is_missing();
                Err(error)
            }
        }
    }

    /// A thread that others may have counted on is not there after all.
    fn thread_is_missing(&self) {
        // The second half of the race, as after any step that makes a thread less.
        let counts = self.counts().load();
        if self.queue.len() > 0 {
            if counts.idle() == 0 {
                self.parked.wake_one(Role::Work, self.counts());
            }
            if counts.threads() == 0 && counts.is_closed() {
                self.cancel_queued();
            }
        }
        self.tell_waiters();
    }

    // --- The worker's side. ---

    /// The next job that is still wanted.
    pub(super) fn next_job(&self) -> Option<Next> {
        loop {
            match self.queue.pop() {
                Popped::Task(task, more) => {
                    if let Some(job) = task.claim() {
                        self.leave_room();
                        return Some(Next { job, more });
                    }
                    self.queue.dead_popped();
                }
                // The pusher looks for sleepers when it is done, so this is as good as empty.
                Popped::Busy | Popped::Empty => return None,
            }
        }
    }

    /// Runs a job on this thread, and its callback if it has one. True if the thread is idle afterwards.
    ///
    /// The awaiter may have its next job in the queue before this thread has gone on by one instruction, above all if it
    /// preempts this thread as it is woken. It should find an idle thread then, and not call for another: so a thread with nothing
    /// left to do counts itself idle before it wakes the awaiter. Not if that means to run a callback, or to drop an output that
    /// nobody wants, which may take any time.
    pub(super) fn run(&self, next: Next, tally: &WorkTally<'_>) -> bool {
        current::job_begins();
        let finished = next.job.run();
        if self.is_orphaned() {
            // The job forked, and this is the child: who waits for the job, waits in the parent.
            std::mem::forget(finished);
            return false;
        }
        tally.add_finished(finished.panicked());
        // With more behind it, the length, which submitters write, need not be looked at.
        let mut idle = !next.more && self.queue.len() == 0 && finished.is_quick();
        if idle {
            self.rest(tally);
        }
        // Wakes the awaiter.
        finished.publish(|| {
            if std::mem::take(&mut idle) {
                self.begin(tally);
            }
        });
        tally.add_settled();
        current::job_ends();
        idle
    }

    /// idle → inside a job. If this was the last idle thread, and it leaves jobs behind, another one is wanted.
    pub(super) fn begin(&self, tally: &WorkTally<'_>) {
        tally.enter_job();
        let counts = self.counts().run();
        // The race: a submitter that still saw this thread idle has pushed before.
        if counts.idle() == 0 && self.queue.len() > 0 {
            self.grow(counts);
        }
    }

    /// inside a job → idle.
    pub(super) fn rest(&self, tally: &WorkTally<'_>) {
        tally.leave_job();
        let running = self.counts().rest().running();
        // Relaxed, and not in one step: a hint.
        if self.stuck.load(Ordering::Relaxed) > running {
            self.stuck.store(running, Ordering::Relaxed);
        }
    }

    // --- The end. ---

    /// Takes no more jobs from now on. What is queued still runs; then the threads leave.
    pub(super) fn close(&self) {
        if self.is_orphaned() || !self.counts().close() {
            return;
        }
        self.parked.wake_all(self.counts());
        if let Some(room) = &self.room {
            room.wake_all();
        }
        // The race again: a job that was accepted is seen here, or by a thread that is still there.
        loom_fence();
        if self.queue.len() > 0 && self.ensure_threads(1).is_err() {
            // The failed start has cancelled what no thread is left to run.
        }
        self.tell_waiters();
    }

    /// Cancels all that waits in the queue, callbacks included, on this thread.
    pub(super) fn cancel_queued(&self) {
        loop {
            match self.queue.pop() {
                Popped::Task(task, _) => match task.claim() {
                    Some(job) => {
                        self.leave_room();
                        // What its closure's destructor and its callback do here, they do inside a job.
                        let inside = current::Visit::to(self);
                        let was_wanted = job.cancel();
                        drop(inside);
                        if was_wanted { self.tally.add_abandoned() } else { self.tally.add_refused() }
                    }
                    None => self.queue.dead_popped(),
                },
                // There may be jobs behind the gap, and there may be nobody else left to look.
                Popped::Busy => yield_now(),
                // The race: only the length tells that there is nothing.
                Popped::Empty if self.queue.len() > 0 => yield_now(),
                Popped::Empty => break,
            }
        }
        self.tell_waiters();
    }

    /// A job leaves the queue.
    pub(super) fn leave_room(&self) {
        if let Some(room) = &self.room {
            room.give_back();
        }
    }

    /// The last thing that a thread says.
    pub(super) fn thread_ended(&self) {
        // Release: pairs with the acquire in `alive`.
        self.alive.fetch_sub(1, Ordering::Release);
        self.tell_waiters();
    }

    /// How many threads have not ended.
    pub(super) fn alive(&self) -> usize {
        self.alive.load(Ordering::Acquire)
    }

    /// How many jobs are accepted and not done with.
    pub(super) fn outstanding(&self) -> usize {
        // In this order: a job that is pushed or settled in between makes the answer too large, never too small, and if
        // it is 0, there was a moment without any job between the two reads.
        let settled = self.tally.settled();
        self.queue.pushed().wrapping_sub(settled)
    }

    /// The same without the turns of lanes that would come in vain: whose jobs have run, or run inside another job.
    pub(super) fn outstanding_but_stale(&self) -> usize {
        // In this order, for the same reason: a turn that is stale in the queue is not among those that were settled before.
        let settled = self.tally.settled();
        let stale = self.queue.stale();
        self.queue.pushed().wrapping_sub(settled).wrapping_sub(stale)
    }

    pub(super) fn tell_waiters(&self) {
        self.quiet.wake_all();
    }
}
