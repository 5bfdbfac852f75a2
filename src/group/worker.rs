//! One offload thread, from its start to its retirement. See `README.md`, "A worker's round".

use super::core::{Core, Next, spin_weight};
use super::counts::Role;
use super::parked::{Retirement, Sleeper};
use super::tally::WorkTally;
use super::{current, watch};
use crate::job::Host;
use crate::os::{affinity, nice};
use crate::panic::contain;
use crate::patience::{Patience, Spin, pause};
use crate::sync::{Ordering, loom_fence, park_timeout, thread, yield_now};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Starts a thread that the counts hold as idle, or on watch, already.
pub(super) fn start(core: Arc<Core>, role: Role) -> io::Result<()> {
    let mut builder = thread::Builder::new().name(core.config.name.clone());
    if let Some(size) = core.config.stack_size {
        builder = builder.stack_size(size);
    }
    builder.spawn(move || main(&core, role)).map(drop)
}

fn main(core: &Arc<Core>, role: Role) {
    if let Some(level) = core.config.nice {
        // `build` has tried this level; if the right to it was taken away since, the jobs matter more.
        let _ = nice::set(level);
    }
    if let Some(cpus) = &core.config.cpus {
        // The same.
        let _ = affinity::set(cpus);
    }
    current::enter(Arc::as_ptr(core));
    let hooks = &core.config.hooks;
    if let Some(hook) = &hooks.on_thread_start {
        contain(|| hook());
    }
    if Worker::new(core).work(role) == End::Orphaned {
        // A job forked, and this is the child: the group is its parent's, and so is everything it holds.
        std::mem::forget(core.clone());
        return;
    }
    if let Some(hook) = &hooks.on_thread_stop {
        contain(|| hook());
    }
    current::leave();
    core.thread_ended();
}

/// How many times its lingering a thread lingers for a job that is late: 50 µs by default, about what it takes to wake a
/// halted processor in a virtual machine.
const LONGEST_LINGER: u32 = 10;

/// To linger for longer is to burn a processor.
const MOST_LINGER: Duration = Duration::from_millis(10);

/// See `Spin::every`.
const LOOK_EVERY: Duration = Duration::from_nanos(100);
/// Measured with 64 jobs in flight: 540 ns a job without, 460 with 0.5 µs, 360 with 1.5 µs, 350 with 3 µs; since then
/// other things made it 195 with 3 µs and 170 with 6 µs.
const HOLD_OFF: Duration = Duration::from_micros(3);

/// So often a thread yields to a pusher that is half-way, before it sleeps for a moment instead.
const MOST_YIELDS: u32 = 64;
const GAP: Duration = Duration::from_micros(100);

/// Why a worker stopped working. It is counted out already.
#[derive(PartialEq, Eq)]
pub(super) enum End {
    Retired,
    Closed,
    Orphaned,
}

pub(super) struct Worker<'a> {
    core: &'a Core,
    sleeper: Arc<Sleeper>,
    patience: Patience,
    tally: WorkTally<'a>,
    /// Whether it was woken on its waker's processor, and nothing was prompt since: to spin there keeps the waker from running.
    shares_processor: bool,
}

impl<'a> Worker<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self {
            core,
            sleeper: Sleeper::new(),
            patience: Patience::new(),
            tally: core.tally.enlist(),
            shares_processor: false,
        }
    }

    /// Runs jobs until the thread is not needed any more. It comes up in `role`.
    pub(super) fn work(&mut self, role: Role) -> End {
        self.take_up(role);
        loop {
            let first = match self.find_job() {
                Ok(job) => job,
                Err(end) => return end,
            };
            self.core.begin(&self.tally);
            let mut next = Some(first);
            let mut idle = false;
            let mut jobs = 0_usize;
            // A worker on a run of jobs is left alone by the counts: it touches them when the run begins and ends.
            while let Some(job) = next {
                idle = self.core.run(job, &self.tally);
                jobs += 1;
                if self.core.is_orphaned() {
                    return End::Orphaned;
                }
                next = if idle { None } else { self.core.next_job() };
            }
            if !idle {
                self.core.rest(&self.tally);
            }
            self.core.tell_waiters();
            self.hold_off(jobs);
        }
    }

    /// To be idle afterwards.
    fn take_up(&self, role: Role) {
        if role == Role::Watch {
            watch::stand(self.core);
        }
    }

    /// Just idle after a run of so many jobs: lets a moment pass before it looks at the queue again if more than one was
    /// there, as then a submitter is likely at work this very moment.
    ///
    /// Else the two take the queue's cache lines from each other for each single job, which costs both several times what a
    /// job costs. Network cards moderate their interrupts for the same reason. A job that comes meanwhile waits that long.
    fn hold_off(&self, jobs: usize) {
        if jobs > 1 && !self.core.config.linger.is_zero() && !cfg!(aside_loom) {
            pause(HOLD_OFF);
        }
    }

    /// As an idle thread: the next job, however long that takes, or the reason to leave.
    fn find_job(&mut self) -> Result<Next, End> {
        let core = self.core;
        let mut gaps = 0;
        loop {
            // Looked at before the queue: a job that is not in the queue then was not accepted.
            let closed = core.counts().load().is_closed();
            if let Some(job) = core.next_job() {
                return Ok(job);
            }
            if closed {
                if self.leave() {
                    return Err(End::Closed);
                }
                continue;
            }
            if core.queue.len() > 0 {
                // An entry that is not linked yet. Its pusher may have less right to this processor than this thread.
                gaps += 1;
                if gaps < MOST_YIELDS {
                    yield_now()
                } else {
                    park_timeout(GAP)
                }
                continue;
            }
            gaps = 0;
            if self.linger() {
                continue;
            }
            core.parked.push(&self.sleeper, core.counts());
            // The race: either the submitter sees this thread parked and wakes it, or the job is seen here. The same with
            // `Core::close`.
            let reason_to_stay = core.queue.len() > 0 || core.counts().load().is_closed();
            if reason_to_stay && core.parked.withdraw(&self.sleeper, core.counts()) {
                yield_now();
                continue;
            }
            self.sleep()?;
        }
    }

    /// Spins for the next job, where that has been of use lately. True if there is something to look at.
    fn linger(&mut self) -> bool {
        let core = self.core;
        // One idle thread that spins is enough.
        if core.counts().load().idle() > 1 {
            return false;
        }
        let prompt = core.config.linger.min(MOST_LINGER);
        let spin = Spin {
            prompt,
            longest: prompt.saturating_mul(LONGEST_LINGER),
            every: LOOK_EVERY,
            yields: self.shares_processor,
            weight: spin_weight(self.shares_processor),
        };
        let arrived = || core.queue.len() > 0 || core.counts().load().is_closed();
        let has_arrived = self.patience.spin(spin, arrived);
        if self.shares_processor && self.patience.is_rewarded() {
            self.set_shares_processor(false);
        }
        has_arrived
    }

    fn set_shares_processor(&mut self, shares: bool) {
        self.shares_processor = shares;
        if self.core.is_near.load(Ordering::Relaxed) != shares {
            self.core.is_near.store(shares, Ordering::Relaxed);
        }
    }

    /// idle → gone, as the group is closed and its queue empty. False if it is not, after all.
    fn leave(&self) -> bool {
        let core = self.core;
        loom_fence();
        if core.queue.len() > 0 {
            // An entry that is not linked yet, perhaps with accepted jobs behind it.
            yield_now();
            return false;
        }
        core.counts().leave();
        // The race: either the submitter sees that this thread is gone and starts another if one is wanted, or its entry is seen here. Not
        // left to the threads that are still there: they may be stuck inside jobs.
        core.queue.len() == 0 || !core.counts().start(Role::Work, core.config.max_threads)
    }

    /// parked → idle, by somebody else's hand, or gone.
    fn sleep(&mut self) -> Result<(), End> {
        let core = self.core;
        let min = core.config.min_threads;
        // At the minimum nobody has to look at the clock, so that an idle group sleeps without a break.
        let mut until = if core.counts().load().threads() > min {
            Instant::now().checked_add(core.config.keep_alive)
        } else {
            None
        };
        let role = loop {
            if let Some(role) = self.sleeper.sleep(until) {
                break role;
            }
            match core.parked.retire(&self.sleeper, core.counts(), min) {
                Retirement::Retired => return Err(End::Retired),
                Retirement::Needed | Retirement::Woken => until = None,
            }
        };
        self.set_shares_processor(self.sleeper.shares_processor());
        self.take_up(role);
        Ok(())
    }
}
