//! What a lane's handles, its jobs and its turns share.

use super::turn::{Seen, Turn, TurnState};
use crate::group;
use crate::job::{self, Care, Close, Departure, Host, Job, Offload, Popped, Queue, Settlement, Task};
use crate::patience::pause;
use crate::sync::{
    AtomicBool, AtomicUsize, Mutex, Ordering, get_mut, lock, loom_fence, park_timeout, yield_now,
};
use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A turn goes on for so many jobs, and for that long, before it makes way for others who wait for its thread.
const MOST_JOBS: usize = if cfg!(aside_loom) { 1 } else { 64 };
const LONGEST_TURN: Duration = Duration::from_millis(1);

/// As for the group's workers: see `group/worker.rs`.
const HOLD_OFF: Duration = Duration::from_micros(3);
const MOST_YIELDS: u32 = 64;
const GAP: Duration = Duration::from_micros(100);

pub(super) struct Core<T> {
    /// With the turn's state as its sign.
    queue: Queue<TurnState, Close>,
    /// Only ever locked by who runs the turn, so never waited for. `None` once it was taken.
    value: Mutex<Option<T>>,
    group: Arc<group::Core>,
    /// Not counted without a limit.
    places: Option<Box<Places>>,
    /// Threads of the group that are inside a job which waits for one of this lane's.
    waiting_inside: AtomicUsize,
    poisoned: AtomicBool,
    /// The value is taken, or the group has ended: what is still in the queue is cancelled. Set in a turn, or when there will be none.
    spent: AtomicBool,
}

/// How many jobs may wait, and how many do.
struct Places {
    limit: usize,
    taken: AtomicUsize,
}

/// A job over the value.
pub(super) struct LaneJob<F, T> {
    job: F,
    value: PhantomData<fn(&mut T)>,
}

impl<T> Drop for Core<T> {
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
        (self.job)(Core::<T>::of(host).take_value())
    }
}

impl<T: Send + 'static> Core<T> {
    pub(super) fn new(value: T, group: Arc<group::Core>, limit: Option<usize>) -> Self {
        Self {
            queue: Queue::new(TurnState::new()),
            value: Mutex::new(Some(value)),
            group,
            places: limit.map(|limit| Box::new(Places { limit, taken: AtomicUsize::new(0) })),
            waiting_inside: AtomicUsize::new(0),
            poisoned: AtomicBool::new(false),
            spent: AtomicBool::new(false),
        }
    }

    fn of(host: &dyn Host) -> &Self {
        match host.as_any().downcast_ref() {
            Some(core) => core,
            None => unreachable!("the cell of a lane's job is made with its lane"),
        }
    }

    #[inline]
    pub(super) fn turn(&self) -> &TurnState {
        self.queue.sign()
    }

    pub(super) fn group(&self) -> &Arc<group::Core> {
        &self.group
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.live()
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

    /// The value of a lane without a group to run its last job. `None` if a fork left it to the parent.
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

    /// Takes a place in a bounded queue if there is one.
    pub(super) fn try_take_place(&self) -> bool {
        let Some(Places { limit, taken }) = self.places.as_deref() else { return true };
        // Relaxed: a count and nothing else.
        let take = |taken| (taken < *limit).then_some(taken + 1);
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Takes a place, there or not.
    pub(super) fn take_place(&self) {
        if let Some(places) = &self.places {
            places.taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn give_place_back(&self) {
        if let Some(places) = &self.places {
            places.taken.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Queues a job and sees to it that somebody runs it. False if the lane was closed before, or the group is: the caller is to take back
    /// the job, unless a turn has it, and then to [clear up](Self::clear_refused).
    pub(super) fn push(self: &Arc<Self>, task: Task) -> bool {
        self.queue.push(task.into());
        // Of "push, then look at the turn" and "end the turn, then look at the queue" at least one sees the other:
        // `README.md`, "The race".
        loom_fence();
        let seen = self.turn().load();
        !seen.is_closed() && self.call(seen)
    }

    /// Has somebody come for what is in the queue. False if the group is closed.
    fn call(self: &Arc<Self>, mut seen: Seen) -> bool {
        while seen.is_idle() {
            if seen.has_turn() {
                if self.turn().call_turn_on_its_way() {
                    return true;
                }
                // It may just have arrived, in vain.
                seen = self.turn().load();
                continue;
            }
            // Before the step that others rely on, as only an open group makes it true.
            let Some(place) = self.group.reserve() else { return false };
            if self.turn().call() {
                place.fill(Turn::new(self.clone()));
            }
            // Also as good: somebody else was faster, and sees the caller's entry.
            return true;
        }
        true
    }

    /// After a push that came to nothing, once the job is taken back: somebody has to clear its entry from the queue, as that
    /// holds this core.
    pub(super) fn clear_refused(self: &Arc<Self>) {
        if self.queue.len() > 0 {
            self.call_regardless();
        }
    }

    /// As [`call`](Self::call); on a closed group, too, which then starts a thread if it has none. Once a shutdown has cut
    /// the group short, cancels instead.
    fn call_regardless(self: &Arc<Self>) {
        // In a forked child the queue is the parent's.
        if self.call(self.turn().load()) || self.is_orphaned() {
            return;
        }
        if self.group.is_cut_short() {
            if self.turn().resume() {
                self.cancel_queued();
            }
        } else if self.turn().call() {
            // Not cancelled here: between a turn's end and its look at the queue there may be accepted jobs.
            self.group.reserve_regardless().fill(Turn::new(self.clone()));
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

    /// Queues a job, also if the lane is closed or full. Without a group to run it, it is cancelled.
    pub(super) fn push_regardless<J: Job>(self: &Arc<Self>, job: J) -> Offload<J::Output> {
        let (task, offload) = job::new(job, self.clone());
        self.take_place();
        self.queue.push(task.into());
        loom_fence();
        self.call_regardless();
        offload
    }

    // --- The turn's side. ---

    /// Runs jobs until there are none, or others want the thread, or the caller's job is done. To be called by who has taken the turn up.
    pub(super) fn run(self: &Arc<Self>, is_done: Option<&dyn Fn() -> bool>) {
        let mut since = None;
        let (mut jobs, mut run_length, mut gaps) = (0_usize, 0_usize, 0);
        let mut is_empty = false;
        loop {
            // To look at the length is cheaper than to find nothing under the lock.
            let popped = if std::mem::take(&mut is_empty) { Popped::Empty } else { self.queue.pop() };
            match popped {
                Popped::Task(task, more) => {
                    gaps = 0;
                    if !self.run_job(task) {
                        return;
                    }
                    if self.group.is_cut_short() {
                        self.cancel_queued();
                        return;
                    }
                    jobs += 1;
                    run_length += 1;
                    is_empty = !more && self.queue.len() == 0;
                    // Who waits inside goes on to its own job: the group may have no thread but this one.
                    let is_over = match is_done {
                        Some(is_done) => is_done(),
                        None => {
                            self.group.has_queued_jobs() && (jobs >= MOST_JOBS || is_long(&mut since, jobs))
                        }
                    };
                    if is_over && self.hand_over(is_done.is_some().into()) {
                        return;
                    }
                }
                Popped::Busy | Popped::Empty => {
                    if std::mem::take(&mut run_length) > 1 && self.group.may_linger() {
                        // A submitter is likely at work this very moment: as in `group/worker.rs`.
                        pause(HOLD_OFF);
                        continue;
                    }
                    self.turn().end();
                    // The race: either the submitter sees that there is no turn, or its entry is seen here.
                    loom_fence();
                    if self.queue.len() == 0 || !self.turn().resume() && !self.take_up_for_those_inside() {
                        return;
                    }
                    // Most likely an entry that is not linked yet. Its pusher may have less right to this processor.
                    gaps += 1;
                    if gaps < MOST_YIELDS { yield_now() } else { park_timeout(GAP) }
                }
            }
        }
    }

    /// False if the job forked, and this is the child: the lane is its parent's, and so is everything it holds.
    fn run_job(self: &Arc<Self>, task: Task) -> bool {
        let Some(job) = task.claim() else {
            self.queue.dead_popped();
            return true;
        };
        self.give_place_back();
        // Relaxed: written in a turn.
        if self.spent.load(Ordering::Relaxed) {
            drop(job);
            return true;
        }
        let finished = job.run();
        if self.is_orphaned() {
            std::mem::forget((finished, self.clone()));
            return false;
        }
        if finished.panicked() {
            // Release: pairs with the acquire of whoever asks.
            self.poisoned.store(true, Ordering::Release);
        }
        // Wakes the awaiter.
        finished.publish(|| ());
        true
    }

    /// Somebody has called a turn between the end of this one and now. It may come too late for those who wait inside.
    fn take_up_for_those_inside(&self) -> bool {
        // As in `hand_over`.
        loom_fence();
        self.waiting_inside.load(Ordering::SeqCst) > 0 && self.turn().take_up()
    }

    /// Lets others have this thread, and queues the lane behind them. False if the turn goes on: there is nobody else to run it, or
    /// another thread of the group waits for one of its jobs, and would keep the group from coming back to it.
    fn hand_over(self: &Arc<Self>, own_waits: usize) -> bool {
        if self.queue.len() == 0 {
            // The usual end of a turn is as good.
            return false;
        }
        let place = if self.turn().load().has_turn() {
            if !self.turn().hand_over_to_turn_on_its_way() {
                return false;
            }
            None
        } else {
            // A closed group has accepted what is queued here; so it runs, here.
            let Some(place) = self.group.reserve() else { return false };
            self.turn().hand_over();
            Some(place)
        };
        // Of "hand over, then look for those who wait inside" and "wait inside, then look for a turn to take" at least one sees
        // the other.
        loom_fence();
        let is_awaited = self.waiting_inside.load(Ordering::SeqCst) > own_waits;
        match place {
            Some(place) if !is_awaited => place.fill(Turn::new(self.clone())),
            // As if it had been queued, and come at once.
            Some(_) => return !self.turn().arrive(),
            None if is_awaited => return !self.turn().take_up(),
            None => {}
        }
        true
    }

    /// Cancels all that waits in the queue, callbacks included, on this thread. To be called by who has taken the turn up.
    pub(super) fn cancel_queued(&self) {
        // Relaxed: written in a turn.
        self.spent.store(true, Ordering::Relaxed);
        loop {
            match self.queue.pop() {
                Popped::Task(task, _) => match task.claim() {
                    Some(job) => {
                        self.give_place_back();
                        drop(job);
                    }
                    None => self.queue.dead_popped(),
                },
                Popped::Busy => yield_now(),
                Popped::Empty => {
                    self.turn().end();
                    loom_fence();
                    if self.queue.len() == 0 || !self.turn().resume() {
                        return;
                    }
                    yield_now();
                }
            }
        }
    }
}

/// Whether a turn of so many jobs has gone on for long, since the first time that this was asked. One of a single job need not ask the clock.
fn is_long(since: &mut Option<Instant>, jobs: usize) -> bool {
    jobs > 1 && since.get_or_insert_with(Instant::now).elapsed() >= LONGEST_TURN
}

impl<T: Send + 'static> Host for Core<T> {
    fn departed(&self, _: Departure) {
        self.give_place_back();
        self.queue.add_dead();
    }

    fn settled(&self, _: Settlement) {}

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
        self.group.is_orphaned()
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
        if self.turn().take_up() {
            self.run(Some(is_done));
        }
    }

    fn wait_ends(&self) {
        self.waiting_inside.fetch_sub(1, Ordering::SeqCst);
    }
}
