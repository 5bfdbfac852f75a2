//! One offload thread, from its start to its retirement. See `README.md`, "A worker's round".

use super::core::Core;
use super::counts::Role;
use super::parked::{Retirement, Sleeper};
use super::{current, watch};
use crate::job::{Claimed, Host};
use crate::os::nice;
use crate::panic::contain;
use crate::patience::Patience;
use crate::sync::{Ordering, fence, thread};
use std::io;
use std::sync::Arc;
use std::time::Instant;

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
}

impl<'a> Worker<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { core, sleeper: Sleeper::new(), patience: Patience::new() }
    }

    /// Runs jobs until the thread is not needed any more. It comes up in `role`.
    pub(super) fn work(&mut self, role: Role) -> End {
        self.take_up(role);
        loop {
            let first = match self.find_job() {
                Ok(job) => job,
                Err(end) => return end,
            };
            self.begin();
            let mut next = Some(first);
            let mut idle = false;
            // A worker on a run of jobs is left alone by the counts: it touches them when the run begins and ends.
            while let Some(job) = next {
                idle = self.core.run(job);
                if self.core.is_orphaned() {
                    return End::Orphaned;
                }
                next = if idle { None } else { self.core.next_job() };
            }
            if !idle {
                self.core.counts.rest();
            }
            self.end();
        }
    }

    /// To be idle afterwards.
    fn take_up(&self, role: Role) {
        if role == Role::Watch {
            watch::stand(self.core);
        }
    }

    /// idle → inside a job. If this was the last idle thread, and it leaves jobs behind, another one is wanted.
    fn begin(&self) {
        let counts = self.core.counts.run();
        // Pairs with the fence in `Core::push`: a submitter that still saw this thread idle has pushed before.
        fence(Ordering::SeqCst);
        if counts.idle() == 0 && self.core.queue.len() > 0 {
            self.core.grow(counts);
        }
    }

    /// Just idle after a run of jobs.
    fn end(&self) {
        // Pairs with the fence in `Core::push`: `find_job` looks at the queue after this.
        fence(Ordering::SeqCst);
        self.core.tell_waiters();
    }

    /// As an idle thread: the next job, however long that takes, or the reason to leave.
    fn find_job(&mut self) -> Result<Claimed, End> {
        let core = self.core;
        loop {
            // Looked at before the queue: a job that is not in the queue then was not accepted.
            let closed = core.counts.load().is_closed();
            // Pairs with the fence in `Core::push`.
            fence(Ordering::SeqCst);
            if let Some(job) = core.next_job() {
                return Ok(job);
            }
            if closed {
                if self.leave() {
                    return Err(End::Closed);
                }
                continue;
            }
            // One idle thread that spins is enough.
            if core.counts.load().idle() == 1
                && self
                    .patience
                    .spin(core.config.linger, || core.queue.len() > 0 || core.counts.load().is_closed())
            {
                continue;
            }
            core.parked.push(&self.sleeper, &core.counts);
            // Pairs with the fence in `Core::push`: either the submitter sees this thread parked and wakes it, or the
            // job is seen here. The same with `Core::close`.
            fence(Ordering::SeqCst);
            let reason_to_stay = core.queue.len() > 0 || core.counts.load().is_closed();
            if reason_to_stay && core.parked.withdraw(&self.sleeper, &core.counts) {
                crate::sync::yield_now();
                continue;
            }
            self.sleep()?;
        }
    }

    /// idle → gone, as the group is closed and its queue empty. False if it is not, after all.
    fn leave(&self) -> bool {
        let core = self.core;
        if core.queue.len() > 0 {
            // An entry that is not linked yet, perhaps with accepted jobs behind it.
            crate::sync::yield_now();
            return false;
        }
        core.counts.leave();
        // Pairs with the fence in `Core::push`: either the submitter sees that nobody is left and starts a thread to clear
        // the queue, or its entry is seen here.
        fence(Ordering::SeqCst);
        core.queue.len() == 0 || !core.counts.start(Role::Work, 1)
    }

    /// parked → idle, by somebody else's hand, or gone.
    fn sleep(&mut self) -> Result<(), End> {
        let core = self.core;
        let min = core.config.min_threads;
        // At the minimum nobody has to look at the clock, so that an idle group sleeps without a break.
        let mut until = if core.counts.load().threads() > min {
            Instant::now().checked_add(core.config.keep_alive)
        } else {
            None
        };
        let role = loop {
            if let Some(role) = self.sleeper.sleep(until) {
                break role;
            }
            match core.parked.retire(&self.sleeper, &core.counts, min) {
                Retirement::Retired => return Err(End::Retired),
                Retirement::Needed | Retirement::Woken => until = None,
            }
        };
        self.take_up(role);
        Ok(())
    }
}
