//! The watch: while jobs wait and every awake thread is inside one, one thread sees to it that the queue moves.

use super::core::Core;
use super::counts::Role;
use super::scale::{Scale, Verdict, View, Watch};
use crate::os::processors;
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
            wait = match watch.look(now.since(&seen, core)) {
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
    cpu_time: Duration,
}

impl Sight {
    fn of(core: &Core) -> Self {
        Self { taken: core.queue.popped(), at: Instant::now(), cpu_time: processors::time_used() }
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
            // Loom wants the same every time.
            busy: if cfg!(aside_loom) { 0.0 } else { self.busy_since(before, elapsed) },
        }
    }

    /// The part of all processors' time that the process used.
    fn busy_since(&self, before: &Self, elapsed: Duration) -> f64 {
        let available = elapsed.as_secs_f64() * processors::count() as f64;
        self.cpu_time.saturating_sub(before.cpu_time).as_secs_f64() / available.max(1e-9)
    }
}

impl Core {
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
