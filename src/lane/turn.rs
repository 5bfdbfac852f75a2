//! The turn's side: what the thread does that runs a lane's jobs.

use super::core::{Body, Core};
use crate::job::{Host, Popped, Running, Strung, Task};
use crate::patience::pause;
use crate::sync::{Ordering, loom_fence, park_timeout, yield_now};
use std::time::{Duration, Instant};

/// A turn goes on for so many jobs, and for that long, before it makes way for others who wait for its thread.
const MOST_JOBS: usize = if cfg!(aside_loom) { 1 } else { 64 };
const LONGEST_TURN: Duration = Duration::from_millis(1);

/// As for the group's workers: see `group/worker.rs`.
const HOLD_OFF: Duration = Duration::from_micros(3);
const MOST_YIELDS: u32 = 64;
const GAP: Duration = Duration::from_micros(100);

impl<T: Send + 'static> Core<T> {
    /// Runs jobs until there are none, or others want the thread, or the caller's job is done.
    pub(super) fn run_jobs(mut running: Running<Body<T>>, is_done: Option<&dyn Fn() -> bool>) {
        let mut since = None;
        let (mut jobs, mut run_length, mut gaps) = (0_usize, 0_usize, Gaps::default());
        let mut is_empty = false;
        loop {
            // To look at the length is cheaper than to find nothing under the lock.
            let popped = if std::mem::take(&mut is_empty) { Popped::Empty } else { running.queue().pop() };
            match popped {
                Popped::Task(task, more) => {
                    gaps = Gaps::default();
                    if more && jobs == 0 {
                        since = Some(Instant::now());
                    }
                    if !running.run_job(task) {
                        return;
                    }
                    if running.group.is_cut_short() {
                        Self::cancel_queued(running);
                        return;
                    }
                    jobs += 1;
                    run_length += 1;
                    is_empty = !more && running.queue().len() == 0;
                    // The usual end of a turn is as good. And then the group need not be looked at, whose line is a submitter's.
                    if is_empty {
                        continue;
                    }
                    // Who waits inside goes on to its own job: the group may have no thread but this one.
                    let is_over = match is_done {
                        Some(is_done) => is_done(),
                        None => running.group.has_queued_jobs() && (jobs >= MOST_JOBS || is_long(&mut since)),
                    };
                    if is_over && running.queue().len() > 0 {
                        match Self::hand_over(running, is_done.is_some().into()) {
                            Some(goes_on) => running = goes_on,
                            None => return,
                        }
                    }
                }
                Popped::Busy | Popped::Empty => {
                    if std::mem::take(&mut run_length) > 1 && running.group.may_linger() {
                        // A submitter is likely at work this very moment: as in `group/worker.rs`.
                        pause(HOLD_OFF);
                        continue;
                    }
                    match running.end() {
                        Ok(()) => return,
                        Err(goes_on) => running = goes_on,
                    }
                    // An entry that is not linked yet.
                    gaps.wait();
                }
            }
        }
    }

    /// False if the job forked, and this is the child: the lane is its parent's, and so is everything it holds.
    fn run_job(&self, task: Task) -> bool {
        let Some(job) = task.claim() else {
            self.queue().dead_popped();
            return true;
        };
        self.leave_place(&job);
        // Relaxed: written in a turn.
        if self.spent.load(Ordering::Relaxed) {
            drop(job);
            return true;
        }
        let finished = job.run();
        if self.is_orphaned() {
            // Its cell holds the lane.
            std::mem::forget(finished);
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

    /// Runs what was accepted before the lane was closed, and linked after its last job.
    pub(super) fn run_overtaken(&self) {
        let mut gaps = Gaps::default();
        while self.queue().len() > 0 && !self.group.is_cut_short() {
            match self.queue().pop() {
                Popped::Task(task, _) => {
                    if !self.run_job(task) {
                        return;
                    }
                }
                Popped::Busy | Popped::Empty => gaps.wait(),
            }
        }
    }

    /// Lets others have this thread, and queues the lane behind them. Gives the turn back if it goes on: there is nobody else to run it,
    /// or another thread of the group waits for one of its jobs, and would keep the group from coming back to it.
    fn hand_over(running: Running<Body<T>>, own_waits: usize) -> Option<Running<Body<T>>> {
        // Of "hand over, then look for those who wait inside" and "wait inside, then look for a turn to take" at least one sees
        // the other.
        let is_awaited = |core: &Self| {
            loom_fence();
            core.waiting_inside.load(Ordering::SeqCst) > own_waits
        };
        if running.look().has_turn() {
            return match running.hand_over_to_turn_on_its_way() {
                Ok(core) if is_awaited(&core) => core.take_up(),
                Ok(_) => None,
                Err(goes_on) => Some(goes_on),
            };
        }
        let group = running.group.clone();
        // A closed group has accepted what is queued here; so it runs, here.
        let Some(place) = group.reserve() else {
            group.tell_of_withdrawal();
            return Some(running);
        };
        match running.hand_over() {
            // As if it had been queued, and come at once.
            Ok(call) if is_awaited(&call) => call.arrive(),
            Ok(call) => {
                place.fill(call.into_task());
                None
            }
            Err(goes_on) => Some(goes_on),
        }
    }

    /// Cancels all that waits in the queue, callbacks included, on this thread. False if that was nothing.
    pub(super) fn cancel_queued(mut running: Running<Body<T>>) -> bool {
        let mut has_cancelled = false;
        // Relaxed: written in a turn.
        running.spent.store(true, Ordering::Relaxed);
        loop {
            match running.queue().pop() {
                Popped::Task(task, _) => match task.claim() {
                    Some(job) => {
                        running.leave_place(&job);
                        drop(job);
                        has_cancelled = true;
                    }
                    None => running.queue().dead_popped(),
                },
                Popped::Busy | Popped::Empty => {
                    match running.end() {
                        Ok(()) => return has_cancelled,
                        Err(goes_on) => running = goes_on,
                    }
                    yield_now();
                }
            }
        }
    }
}

impl<T: Send + 'static> Strung for Body<T> {
    fn run(running: Running<Self>) {
        Core::run_jobs(running, None);
    }

    fn cancel(running: Running<Self>) -> bool {
        Core::cancel_queued(running)
    }

    fn is_orphaned(&self) -> bool {
        self.group.is_orphaned()
    }
}

/// Waits for a pusher that is half-way. It may have less right to this processor.
#[derive(Default)]
struct Gaps(u32);

impl Gaps {
    fn wait(&mut self) {
        self.0 += 1;
        if self.0 < MOST_YIELDS { yield_now() } else { park_timeout(GAP) }
    }
}

/// Whether a turn has gone on for long. One whose first job was alone as it began, most likely of a single job, need not ask the clock
/// before: it begins as this is asked.
fn is_long(since: &mut Option<Instant>) -> bool {
    since.get_or_insert_with(Instant::now).elapsed() >= LONGEST_TURN
}
