//! A group as its jobs see it.

use super::core::{Core, spin_weight};
use super::current;
use crate::job::{Care, Departure, Host, Settlement};
use crate::os::fork;
use crate::sync::Ordering;
use std::any::Any;
use std::sync::Arc;

impl Host for Core {
    fn departed(&self, how: Departure, _: bool) {
        self.leave_room();
        self.queue.add_dead();
        if how == Departure::Taken {
            current::job_begins();
        }
    }

    fn settled(&self, how: Settlement) {
        if self.is_orphaned() {
            // The job forked, and this is the child: who waits for the group, waits in the parent.
            return;
        }
        match how {
            Settlement::Cancelled => self.tally.add_cancelled(),
            Settlement::Refused => self.tally.add_refused(),
            Settlement::Ran { panicked } => {
                self.tally.add_taken(panicked);
                current::job_ends();
            }
        }
        self.tell_waiters();
    }

    fn is_short(&self) -> bool {
        self.starter.is_failing()
    }

    fn is_current_thread(&self) -> bool {
        current::is(self)
    }

    fn spin_weight(&self) -> Option<u32> {
        // Relaxed: a hint.
        let weight = spin_weight(self.is_near.load(Ordering::Relaxed));
        (!self.config.linger.is_zero()).then_some(weight)
    }

    fn nudge(&self) -> Care {
        if !self.starter.is_failing() {
            return Care::Fine;
        }
        if self.queue.live() == 0 {
            return Care::Fine;
        }
        // In a closed group, too: what it has accepted may stand behind threads that are stuck.
        self.grow(self.counts().load());
        let counts = self.counts().load();
        if counts.threads() == 0 {
            Care::None
        } else if self.starter.is_failing() && counts.idle() == 0 && counts.parked() == 0 {
            Care::Short
        } else {
            Care::Fine
        }
    }

    #[inline]
    fn is_orphaned(&self) -> bool {
        self.generation != fork::generation()
    }

    fn run_later(self: Arc<Self>, work: Box<dyn FnOnce() + Send>) -> Result<(), Box<dyn FnOnce() + Send>> {
        self.push_unlimited(work)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
