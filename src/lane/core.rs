//! What a lane's handles, its jobs and its turns share.

use crate::group;
use crate::job::{
    self, Care, Claimed, Departure, Host, Job, Offload, Seen, Settlement, Strand, Strung, Task,
};
use crate::room::Room;
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, get_mut, lock, loom_fence};
use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// The lane's queue and turn, and the value.
pub(super) type Core<T> = Strand<Body<T>>;

pub(super) struct Body<T> {
    /// Only ever locked by who runs the turn, so never waited for. `None` once it was taken.
    value: Mutex<Option<T>>,
    pub(super) group: Arc<group::Core>,
    /// How many handles there are.
    handles: AtomicUsize,
    /// Not counted without a limit.
    pub(super) room: Option<Box<Room>>,
    /// Threads of the group that are inside a job which waits for one of this lane's.
    pub(super) waiting_inside: AtomicUsize,
    pub(super) poisoned: AtomicBool,
    /// The value is taken, or the group has ended: what is still in the queue is cancelled. Set in a turn, or when there will be none.
    pub(super) spent: AtomicBool,
}

/// A job over the value.
pub(super) struct LaneJob<F, T> {
    job: F,
    value: PhantomData<fn(&mut T)>,
}

impl<T> Drop for Body<T> {
    fn drop(&mut self) {
        if self.group.is_orphaned() {
            // Nobody took it from a lane whose group had ended; but it is still the parent's. Without the lock, which may be held by a
            // thread that is gone.
            std::mem::forget(get_mut(&mut self.value).take());
        }
    }
}

impl<F, T> LaneJob<F, T> {
    pub(super) fn new(job: F) -> Self {
        Self { job, value: PhantomData }
    }

    pub(super) fn into_job(self) -> F {
        self.job
    }
}

impl<F, T, R> Job for LaneJob<F, T>
where
    F: FnOnce(&mut T) -> R + Send + 'static,
    T: Send + 'static,
    R: Send + 'static,
{
    type Output = R;

    fn run(self, host: &dyn Host) -> R {
        match &mut *lock(&Core::<T>::of(host).value) {
            Some(value) => (self.job)(value),
            None => unreachable!("a turn runs no job once the value is gone"),
        }
    }
}

/// The last job: takes the value out.
struct LastJob<F, T> {
    job: F,
    value: PhantomData<fn(T)>,
}

impl<F, T, R> Job for LastJob<F, T>
where
    F: FnOnce(Option<T>) -> R + Send + 'static,
    T: Send + 'static,
    R: Send + 'static,
{
    type Output = R;

    fn run(self, host: &dyn Host) -> R {
        let core = Core::<T>::of(host);
        core.run_overtaken();
        // One of those jobs may have forked: in the child the value is the parent's.
        (self.job)(core.abandoned_value())
    }
}

impl<T: Send + 'static> Body<T> {
    /// Of a lane with one handle.
    pub(super) fn new(value: T, group: Arc<group::Core>, limit: Option<usize>) -> Self {
        Self {
            value: Mutex::new(Some(value)),
            group,
            handles: AtomicUsize::new(1),
            room: limit.map(|limit| Box::new(Room::new(limit))),
            waiting_inside: AtomicUsize::new(0),
            poisoned: AtomicBool::new(false),
            spent: AtomicBool::new(false),
        }
    }

    /// There is another handle.
    pub(super) fn add_handle(&self) {
        // Relaxed: who adds one has one.
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// A handle is gone. True if it was the last.
    pub(super) fn remove_handle(&self) -> bool {
        // AcqRel: who ends the lane comes after all that was done by way of other handles.
        self.handles.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl<T: Send + 'static> Core<T> {
    fn of(host: &dyn Host) -> &Self {
        match host.as_any().downcast_ref() {
            Some(core) => core,
            None => unreachable!("the cell of a lane's job is made with its lane"),
        }
    }

    pub(super) fn group(&self) -> &Arc<group::Core> {
        &self.group
    }

    pub(super) fn queued(&self) -> usize {
        self.queue().live()
    }

    pub(super) fn poisoned(&self) -> &AtomicBool {
        &self.poisoned
    }

    /// The value, if nobody has taken it before. To be called only in a turn, or when there will be none.
    pub(super) fn take_value(&self) -> Option<T> {
        // Relaxed: whoever runs the next turn comes after this one.
        self.spent.store(true, Ordering::Relaxed);
        lock(&self.value).take()
    }

    /// The same; `None` also if a fork left it to the parent.
    pub(super) fn abandoned_value(&self) -> Option<T> {
        if self.is_orphaned() { None } else { self.take_value() }
    }

    /// Has the value dropped on an offload thread, after all jobs that are queued now. The lane is closed.
    pub(super) fn drop_value(self: &Arc<Self>) {
        if std::mem::needs_drop::<T>() && !self.is_orphaned() {
            self.push_last(drop).detach();
        }
    }

    // --- The submitter's side. ---

    /// A job was claimed, and leaves the queue.
    pub(super) fn leave_place(&self, job: &Claimed) {
        if self.room.is_some() && job.had_place() {
            self.give_place_back();
        }
    }

    pub(super) fn give_place_back(&self) {
        // In a forked child the lock of those who wait may be held by a thread that is gone.
        if let Some(room) = self.room.as_ref().filter(|_| !self.is_orphaned()) {
            room.give_back();
        }
    }

    /// Takes no more jobs, and tells those who wait for room. True for the one who closes it.
    pub(super) fn close_and_tell(self: &Arc<Self>) -> bool {
        let closed = self.close();
        if let Some(room) = self.room.as_ref().filter(|_| !self.is_orphaned()) {
            room.wake_all();
        }
        closed
    }

    /// Queues a job and sees to it that somebody runs it. Gives it back, never queued, if the lane or its group is closed.
    ///
    /// The group is the lane's own: by way of the handle, as the turn writes to the core's line with each job.
    #[inline]
    pub(super) fn push(self: &Arc<Self>, task: Task, group: &Arc<group::Core>) -> Result<(), Task> {
        // In one step with the look at the turn: `README.md`, "The race".
        let seen = self.queue().announce();
        // As in a group's push: a shutdown that comes after the look at the group sees the announcement.
        loom_fence();
        if seen.is_closed() {
            return self.refuse(task, group);
        }
        if seen.is_idle() {
            return self.push_and_call(task, group, seen);
        }
        if !group.takes_jobs() {
            return self.refuse(task, group);
        }
        self.queue().push_announced(task);
        Ok(())
    }

    fn push_and_call(
        self: &Arc<Self>,
        task: Task,
        group: &Arc<group::Core>,
        mut seen: Seen,
    ) -> Result<(), Task> {
        while seen.is_idle() {
            if !seen.has_turn() {
                // Before the step that others rely on, as only an open group makes it true.
                let Some(place) = group.reserve() else { return self.refuse(task, group) };
                let call = self.call();
                self.queue().push_announced(task);
                match call {
                    Some(call) => place.fill(call.into_task()),
                    // Also as good: somebody else was faster, and does not end before the caller's entry has come.
                    None => drop(place),
                }
                return Ok(());
            }
            if !group.takes_jobs() {
                return self.refuse(task, group);
            }
            if self.call_turn_on_its_way() {
                break;
            }
            // It may just have arrived, in vain.
            seen = self.look();
        }
        self.queue().push_announced(task);
        Ok(())
    }

    /// Takes the announcement of a job back, which a shutdown may have waited for.
    fn refuse(&self, task: Task, group: &group::Core) -> Result<(), Task> {
        self.queue().withdraw();
        group.tell_of_withdrawal();
        Err(task)
    }

    /// Has somebody come for what is in the queue; on a closed group, too, which then starts a thread if it has none. Once a shutdown has
    /// cut the group short, cancels instead.
    fn call_regardless(self: &Arc<Self>, mut seen: Seen) {
        while seen.is_idle() {
            if seen.has_turn() {
                if self.call_turn_on_its_way() {
                    return;
                }
                seen = self.look();
                continue;
            }
            if self.is_orphaned() {
                // In a forked child. The queue is the parent's.
                return;
            }
            if let Some(place) = self.group.reserve() {
                if let Some(call) = self.call() {
                    place.fill(call.into_task());
                }
                return;
            }
            if self.group.is_cut_short() {
                if let Some(running) = self.seize() {
                    Self::cancel_queued(running);
                }
            } else if let Some(call) = self.call() {
                self.group.reserve_regardless().fill(call.into_task());
            }
            self.group.tell_of_withdrawal();
            return;
        }
    }

    /// Takes the value out after all jobs that are queued now. The lane is closed.
    pub(super) fn push_last<F, R>(self: &Arc<Self>, job: F) -> Offload<R>
    where
        F: FnOnce(Option<T>) -> R + Send + 'static,
        R: Send + 'static,
    {
        self.push_regardless(LastJob { job, value: PhantomData })
    }

    /// Queues a job, also if the lane is closed or full, beside those that the limit counts. Without a group to run it, it is cancelled.
    pub(super) fn push_regardless<J: Job>(self: &Arc<Self>, job: J) -> Offload<J::Output> {
        let (task, offload) = job::new(job, self.clone());
        offload.take_no_place();
        let seen = self.queue().announce();
        self.queue().push_announced(task);
        self.call_regardless(seen);
        offload
    }
}

impl<T: Send + 'static> Host for Core<T> {
    fn departed(&self, how: Departure, had_place: bool) {
        if had_place {
            self.give_place_back();
        }
        // Refused: it was never queued.
        if how != Departure::Refused {
            self.queue().add_dead();
        }
    }

    fn settled(&self, _: Settlement) {
        // A shutdown may have waited for a turn that would come in vain now.
        self.group.tell_of_withdrawal();
    }

    /// A job of a lane has its turn, and does not run on the thread of whoever waits for it; see [`wait_begins`](Self::wait_begins).
    fn is_current_thread(&self) -> bool {
        false
    }

    fn spin_weight(&self) -> Option<u32> {
        self.group.spin_weight()
    }

    fn is_short(&self) -> bool {
        self.group.is_short()
    }

    fn nudge(&self) -> Care {
        self.group.nudge()
    }

    fn is_orphaned(&self) -> bool {
        Strung::is_orphaned(&**self)
    }

    fn run_later(self: Arc<Self>, work: Box<dyn FnOnce() + Send>) -> Result<(), Box<dyn FnOnce() + Send>> {
        self.group.clone().run_later(work)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn wants_waiters(&self) -> bool {
        self.group.is_current_thread() && !self.is_orphaned()
    }

    fn wait_begins(self: Arc<Self>, is_done: &dyn Fn() -> bool) {
        // The other half of the race in `hand_over`.
        self.waiting_inside.fetch_add(1, Ordering::SeqCst);
        loom_fence();
        if let Some(running) = self.take_up() {
            Self::run_jobs(running, Some(is_done));
        }
    }

    fn wait_ends(&self) {
        self.waiting_inside.fetch_sub(1, Ordering::SeqCst);
    }
}
