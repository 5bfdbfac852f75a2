//! The watch: while jobs wait and every awake thread is inside one, one thread sees to it that the queue moves.

use super::core::Core;
use super::counts::Role;
use super::scale::{Scale, Verdict, View, Watch};
use crate::os::processors;
use crate::os::thread::Thread;
use crate::sync::park_timeout;
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
    taken: usize,
    at: Instant,
}

impl Sight {
    fn of(core: &Core) -> Self {
        Self { taken: core.queue.popped(), at: Instant::now() }
    }

    fn since(&self, before: &Self, core: &Core) -> View {
        // Loom has no clock: every tick finds that a millisecond has passed.
        let elapsed = if cfg!(aside_loom) { Duration::from_millis(1) } else { self.at - before.at };
        let counts = core.counts().load();
        View {
            queued: core.queue.live(),
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
    /// Whether a thread of the group, besides the calling one, runs or would run, while there are not enough processors.
    fn is_contended(&self) -> bool {
        // Loom wants the same every time.
        if cfg!(aside_loom) || !processors::are_scarce() {
            return false;
        }
        let me = Thread::current().to_raw();
        let others = self.tally.threads().filter(|thread| thread.to_raw() != me);
        others.take(MOST_THREADS_LOOKED_AT).any(Thread::is_runnable)
    }

    /// Brings threads to work, parked ones first; false if none came.
    fn bring(&self, wanted: usize) -> bool {
        let mut came = 0;
        while came < wanted && self.parked.wake_one(Role::Work, self.counts(), |_| ()) {
            came += 1;
        }
        while came < wanted && self.start_thread(Role::Work) {
            came += 1;
        }
        came > 0
    }
}
