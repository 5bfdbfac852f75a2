//! The policy: when is another thread wanted, and what for? Pure functions of counters and time; the mechanism is in
//! `core.rs` and `watch.rs`, and `simulation/` runs the policy against simulated loads.

use super::counts::{Counts, Role};
use std::time::Duration;

/// When a [`Group`](crate::Group) brings more threads.
///
/// ```
/// use aside::{Group, Scale};
///
/// let plain = Group::builder().scale(Scale::PerQueued(100)).max_threads(4).build()?;
/// assert_eq!(plain.offload(|| 1).wait(), 1);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scale {
    /// When the queue stalls. A queue that moves briskly needs no more threads. If a job has waited for a whole `tick` while the queue stood still, or
    /// while jobs took longer than about 20 µs each, then its threads are blocked: one more comes, at the next tick two, then four and so on, never
    /// more than there are jobs waiting. Behind threads that are known to be blocked a new job gets a thread at once. While none of the
    /// threads is blocked, as all wait for a processor (Linux tells), more are of no use: then one comes every 20 ms. The default, with a tick of 50 µs.
    ///
    /// A shorter tick reacts sooner and costs more wake-ups while jobs wait; none while none do. Linux adds its timer slack,
    /// 50 µs by default.
    OnStall {
        /// How long the queue may stand still: more than zero, and at most 100 ms.
        tick: Duration,
    },
    /// One thread for every so many jobs, waiting or running: the plain rule. A job that blocks holds up those behind
    /// it until there are enough of them. `PerQueued(1)` (and 0) gives every job a thread at once, up to the maximum.
    PerQueued(usize),
}

impl Default for Scale {
    fn default() -> Self {
        Scale::OnStall { tick: Duration::from_micros(50) }
    }
}

/// What to do about jobs that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Somebody will look at the queue: an idle thread, the one on watch, or, at the cap, whoever finishes first.
    Nothing,
    /// Unpark the thread that parked last.
    Unpark(Role),
    /// Start a thread.
    Start(Role),
}

impl Scale {
    /// When a job was queued, or a thread left jobs behind as it took one.
    ///
    /// So many of the threads inside jobs are `stuck`, as far as is known.
    pub(super) fn decide(
        self,
        counts: Counts,
        stuck: usize,
        queued: impl FnOnce() -> usize,
        max_threads: usize,
    ) -> Step {
        if counts.idle() > 0 {
            return Step::Nothing;
        }
        let may_be_back_soon = counts.running() > stuck;
        let role = match self {
            // Who is on watch sees to those behind a blocked job, not to the first one.
            Scale::OnStall { .. } if may_be_back_soon && counts.has_watch() => return Step::Nothing,
            Scale::OnStall { .. } if may_be_back_soon => Role::Watch,
            Scale::OnStall { .. } => Role::Work,
            Scale::PerQueued(n)
                if counts.running().saturating_mul(n.max(1)) >= queued().saturating_add(counts.running()) =>
            {
                return Step::Nothing;
            }
            Scale::PerQueued(_) => Role::Work,
        };
        if counts.parked() > 0 {
            Step::Unpark(role)
        } else if counts.threads() < max_threads {
            Step::Start(role)
        } else {
            Step::Nothing
        }
    }
}

/// Jobs that take longer than this on average are worth a thread more: a hand-over to a sleeping thread costs the two
/// sides together about 5 µs (two futex wakes measured at 2.2–3.1 µs, and the switches), so at 20 µs it is paid four times over.
const SLOW_JOB: Duration = Duration::from_micros(20);
/// By how many times a tick may lengthen while more threads are of no use: so late may a stall be seen in a busy queue.
const LONGEST_STRETCH: u32 = 8;
/// How long a queue may stand still because its threads wait for a processor, until another one is tried: several of the kernel's
/// turns of 3 ms each.
const LONGEST_CONTENTION: Duration = Duration::from_millis(20);

/// What the thread on watch sees at a tick.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Jobs that wait.
    pub(super) queued: usize,
    /// Jobs that waited at the last tick.
    pub(super) queued_before: usize,
    /// Jobs taken from the queue since the last tick.
    pub(super) taken: usize,
    /// Time since then.
    pub(super) elapsed: Duration,
    /// Threads inside jobs.
    pub(super) running: usize,
    /// Threads that are about to take a job.
    pub(super) idle: usize,
    /// Whether none of the threads inside jobs is blocked, while more threads are runnable than there are processors. Need be
    /// known only if [`is_stalled`](Self::is_stalled).
    pub(super) contended: bool,
}

impl View {
    /// Whether more threads are wanted, unless there is no processor for them.
    pub(super) fn is_stalled(&self) -> bool {
        // What came since the last tick has not waited for long, and who finds the queue empty is not slow.
        self.is_slow() && self.queued > self.idle && self.taken < self.queued_before
    }

    /// How many threads inside jobs are known to be stuck there, if so many were known before.
    pub(super) fn stuck(&self, before: usize) -> usize {
        let is_still = self.taken == 0 && self.is_stalled() && !self.contended;
        if is_still { self.running } else { before.min(self.running) }
    }

    /// Whether the jobs are so long that another thread would gain time.
    fn is_slow(&self) -> bool {
        // elapsed × running / taken is the mean time a thread spends on a job.
        let spent = self.elapsed.saturating_mul(u32::try_from(self.running).unwrap_or(u32::MAX));
        spent > SLOW_JOB.saturating_mul(u32::try_from(self.taken).unwrap_or(u32::MAX))
    }
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing waits, or nobody else is there to take it: the watch is over.
    Leave,
    /// Look again after this time.
    Wait(Duration),
    /// Bring so many threads to work, then look again after this time. If none can be brought, step in.
    Bring(usize, Duration),
}

/// The memory of a watch.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    tick: Duration,
    /// By how many times the tick is lengthened now.
    stretch: u32,
    /// How many threads the next stall brings.
    surge: usize,
    /// How long nothing was taken for lack of processors.
    contended_for: Duration,
}

impl Watch {
    pub(super) fn new(tick: Duration) -> Self {
        Self { tick, stretch: 1, surge: 1, contended_for: Duration::ZERO }
    }

    pub(super) fn tick(&self) -> Duration {
        self.tick
    }

    pub(super) fn look(&mut self, view: View) -> Verdict {
        if view.queued == 0 || view.running + view.idle == 0 {
            return Verdict::Leave;
        }
        if !view.is_stalled() || view.contended {
            self.surge = 1;
            return self.wait(view);
        }
        let surge = self.surge.min(view.queued - view.idle);
        self.surge = self.surge.saturating_mul(2);
        self.stretch = 1;
        Verdict::Bring(surge, self.tick)
    }

    /// No thread is wanted now; but if nothing moves for long, one is after all, lest a job that computes for ever holds up the others.
    fn wait(&mut self, view: View) -> Verdict {
        self.stretch = (self.stretch * 2).min(LONGEST_STRETCH);
        let tick = self.tick.saturating_mul(self.stretch);
        let is_stuck = view.is_stalled() && view.taken == 0;
        self.contended_for = if is_stuck { self.contended_for + view.elapsed } else { Duration::ZERO };
        if self.contended_for < LONGEST_CONTENTION {
            return Verdict::Wait(tick);
        }
        self.contended_for = Duration::ZERO;
        Verdict::Bring(1, tick)
    }
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_micros(50);

    fn view(queued: usize, taken: usize, running: usize) -> View {
        View { queued, queued_before: queued, taken, elapsed: TICK, running, idle: 0, contended: false }
    }

    fn brought(verdict: Verdict) -> usize {
        match verdict {
            Verdict::Bring(threads, _) => threads,
            Verdict::Wait(_) | Verdict::Leave => 0,
        }
    }

    #[test]
    fn a_stall_doubles_up_to_the_number_of_jobs() {
        let mut watch = Watch::new(TICK);
        let mut running = 1;
        let waves: Vec<_> = (0..6)
            .map(|_| {
                let more = brought(watch.look(view(20, 0, running)));
                running += more;
                more
            })
            .collect();
        assert_eq!(waves, [1, 2, 4, 8, 16, 20]);
    }

    #[test]
    fn threads_on_their_way_count() {
        let mut watch = Watch::new(TICK);
        assert_eq!(brought(watch.look(View { idle: 3, ..view(3, 0, 1) })), 0);
        assert_eq!(brought(watch.look(View { idle: 3, ..view(4, 0, 1) })), 1);
    }

    #[test]
    fn a_queue_that_moves_briskly_needs_nobody_and_is_looked_at_less_often() {
        let mut watch = Watch::new(TICK);
        let waits: Vec<_> = (0..5).map(|_| watch.look(view(1_000_000, 100, 1))).collect();
        let expected = [2, 4, 8, 8, 8].map(|stretch| Verdict::Wait(TICK * stretch));
        assert_eq!(waits, expected);
        // A stall after that starts from one again.
        assert_eq!(watch.look(view(10, 0, 1)), Verdict::Bring(1, TICK));
    }

    #[test]
    fn jobs_that_block_for_long_get_more_threads_although_the_queue_moves() {
        // Ten threads, one job each per 100 µs.
        let mut watch = Watch::new(TICK);
        assert_eq!(brought(watch.look(view(1_000, 5, 10))), 1);
        assert_eq!(brought(watch.look(view(1_000, 5, 11))), 2);
    }

    #[test]
    fn threads_that_wait_for_a_processor_get_no_company_for_a_while() {
        let mut watch = Watch::new(TICK);
        let contended = View { contended: true, elapsed: Duration::from_millis(5), ..view(1_000, 0, 2) };
        let brought: Vec<_> = (0..8).map(|_| brought(watch.look(contended))).collect();
        assert_eq!(brought, [0, 0, 0, 1, 0, 0, 0, 1]);
        // A job taken now and then is progress.
        let moving = View { taken: 1, ..contended };
        assert!((0..100).all(|_| super::tests::brought(watch.look(moving)) == 0));
    }

    #[test]
    fn the_plain_rule() {
        let counts = super::super::counts::AtomicCounts::new();
        let mut threads = 0;
        for (jobs, expected) in [(1, 1), (100, 1), (101, 2), (200, 2), (201, 3), (1_000, 10)] {
            while Scale::PerQueued(100).decide(counts.load(), 0, || jobs - threads, 500) != Step::Nothing {
                assert!(counts.start(Role::Work, 500));
                counts.run();
                threads += 1;
            }
            assert_eq!(threads, expected, "{jobs} jobs");
        }
    }

    #[test]
    fn an_empty_queue_ends_the_watch() {
        assert_eq!(Watch::new(TICK).look(view(0, 0, 3)), Verdict::Leave);
    }
}
