//! The watch: while jobs wait and every awake thread is inside one, one thread sees to it that the queue moves.

use super::core::Core;
use super::counts::Role;
use super::scale::{Scale, Verdict, View, Watch};
use crate::os::processors;
use crate::os::thread::Thread;
use crate::sync::{Ordering, park_timeout};
use std::time::{Duration, Instant};

/// Stands watch on the calling thread, which the counts hold as on watch. It is idle afterwards.
pub(super) fn stand(core: &Core) {
    if let Scale::OnStall { tick } = core.config.scale {
        let mut watch = Watch::new(tick);
        let mut wait = watch.tick();
        let mut seen = Sight::of(core);
        loop {
            sleep(wait);
            let now = Sight::of(core);
            let mut view = now.since(&seen, core);
            view.contended = view.is_stalled() && core.is_contended();
            // Relaxed: a hint.
            core.stuck.store(view.stuck(core.stuck.load(Ordering::Relaxed)), Ordering::Relaxed);
            wait = match watch.look(view) {
                Verdict::Leave => break,
                Verdict::Wait(wait) => wait,
                Verdict::Bring(wanted, wait) if core.bring(wanted) => wait,
                // At the cap, or refused by the system: this thread is the last one that can help.
                Verdict::Bring(..) => break,
            };
            seen = now;
        }
    }
    core.counts().end_watch();
}

/// Sleeps for as long as that: an early look, after an `unpark` that was meant for something else, would see a stall where there is none.
fn sleep(wait: Duration) {
    let begun = Instant::now();
    loop {
        park_timeout(wait.saturating_sub(begun.elapsed()));
        // Loom has no clock.
        if cfg!(aside_loom) || begun.elapsed() >= wait {
            return;
        }
    }
}

/// The counters that a view is the difference of.
struct Sight {
    queued: usize,
    taken: usize,
    at: Instant,
}

impl Sight {
    fn of(core: &Core) -> Self {
        Self { queued: core.queue.live(), taken: core.queue.popped(), at: Instant::now() }
    }

    fn since(&self, before: &Self, core: &Core) -> View {
        // Loom has no clock: every tick finds that a millisecond has passed.
        let elapsed = if cfg!(aside_loom) { Duration::from_millis(1) } else { self.at - before.at };
        let counts = core.counts().load();
        View {
            queued: self.queued,
            queued_before: before.queued,
            taken: self.taken.wrapping_sub(before.taken),
            elapsed,
            running: counts.running(),
            idle: counts.idle(),
            contended: false,
        }
    }
}

/// Of more threads than that, only so many are looked at: each costs some µs.
const MOST_THREADS_LOOKED_AT: usize = 16;

impl Core {
    /// Whether all threads inside jobs run or would run, while there are not enough processors.
    fn is_contended(&self) -> bool {
        // Loom wants the same every time.
        if cfg!(aside_loom) || !processors::are_scarce() {
            return false;
        }
        let mut inside = self.tally.threads_inside().take(MOST_THREADS_LOOKED_AT).peekable();
        inside.peek().is_some() && inside.all(Thread::is_runnable)
    }

    /// Brings threads to work, parked ones first, as long as there are jobs for them; false if some were wanted and none was to be had.
    fn bring(&self, wanted: usize) -> bool {
        for came in 0..wanted {
            // A start takes its time, and meanwhile others take jobs.
            if self.queue.live() <= self.counts().load().idle() {
                break;
            }
            if !self.parked.wake_one(Role::Work, self.counts()) && !self.start_thread(Role::Work) {
                return came > 0;
            }
        }
        true
    }
}
