//! The wakers of the two sides of an adapter. Its halves may be in the hands of two tasks that wait for the same job, which knows
//! but one waker.

use crate::panic::contain;
use std::sync::Arc;
use std::task::{Wake, Waker};

#[derive(Clone, Copy)]
pub(super) enum Side {
    Read,
    Write,
}

/// Who waits for a job that the other side may be waiting for, too.
#[derive(Default)]
pub(super) struct Sides {
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Sides {
    fn of(&mut self, side: Side) -> (&mut Option<Waker>, &Option<Waker>) {
        match side {
            Side::Read => (&mut self.reader, &self.writer),
            Side::Write => (&mut self.writer, &self.reader),
        }
    }

    /// What a side is to wait with: its own waker, and the other's if that is another one and waits.
    pub(super) fn enter(&mut self, side: Side, waker: &Waker) -> Waker {
        let (own, other) = self.of(side);
        match own {
            Some(own) => own.clone_from(waker),
            None => *own = Some(waker.clone()),
        }
        match other.as_ref().filter(|other| !other.will_wake(waker)) {
            None => waker.clone(),
            Some(other) => Arc::new(Both([waker.clone(), other.clone()])).into(),
        }
    }

    /// It waits no more.
    pub(super) fn leave(&mut self, side: Side) {
        *self.of(side).0 = None;
    }

    /// What it waits for is not to come: it must look again.
    pub(super) fn wake(&mut self, side: Side) {
        if let Some(waker) = self.of(side).0.take() {
            waker.wake();
        }
    }
}

struct Both([Waker; 2]);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        for waker in &self.0 {
            // One that panics must not keep the other from being woken.
            contain(|| waker.wake_by_ref());
        }
    }
}
