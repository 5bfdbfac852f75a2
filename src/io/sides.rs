//! The wakers of the two sides of an adapter. Its halves may be in the hands of two tasks that wait for the same job, which knows
//! but one waker.

use crate::panic::contain;
use crate::sync::{Mutex, lock};
use std::sync::Arc;
use std::task::{Wake, Waker};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Read,
    Write,
}

/// Who waits for a job that the other side may be waiting for, too.
///
/// Both leave one and the same waker in the job, so it is never taken out there to be replaced: the job might end meanwhile, and whoever sees
/// that takes the outcome, with nobody left to wake the other side.
#[derive(Default)]
pub(super) struct Sides {
    /// Once anybody has waited.
    both: Option<(Arc<Both>, Waker)>,
    /// The reader waits, or has been woken and has not looked yet. (Or he is gone, and nobody says so.)
    reads: bool,
    /// A read was taken from him.
    overtaken: bool,
}

/// Wakers are foreign code, and so are their clones and destructors: none of it runs under a lock.
#[derive(Default)]
struct Both {
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
}

impl Both {
    fn of(&self, side: Side) -> &Mutex<Option<Waker>> {
        match side {
            Side::Read => &self.reader,
            Side::Write => &self.writer,
        }
    }

    fn exchange(&self, side: Side, waker: Option<Waker>) -> Option<Waker> {
        std::mem::replace(&mut *lock(self.of(side)), waker)
    }

    fn wake_side(&self, side: Side) {
        if let Some(waker) = self.exchange(side, None) {
            // One that panics must not keep the other from being woken.
            contain(|| waker.wake());
        }
    }
}

impl Sides {
    /// What a side is to wait with.
    pub(super) fn enter(&mut self, side: Side, waker: &Waker) -> Waker {
        self.reads |= side == Side::Read;
        let (both, common) = self.both.get_or_insert_with(|| {
            let both = Arc::new(Both::default());
            (both.clone(), both.into())
        });
        let old = both.exchange(side, Some(waker.clone()));
        contain(|| drop(old));
        common.clone()
    }

    /// It waits no more.
    pub(super) fn leave(&mut self, side: Side) {
        self.overtaken &= side != Side::Read;
        self.reads &= side != Side::Read;
        if let Some((both, _)) = &self.both {
            let old = both.exchange(side, None);
            contain(|| drop(old));
        }
    }

    /// What it waits for is not to come: it must look again.
    pub(super) fn wake(&self, side: Side) {
        if let Some((both, _)) = &self.both {
            both.wake_side(side);
        }
    }

    /// What the reader waits for was called off, or is to be taken back.
    pub(super) fn overtake_reader(&mut self) {
        self.overtaken |= self.reads;
        self.wake(Side::Read);
    }

    /// Whether that has happened to him, and he has got nothing since.
    pub(super) fn is_readers_turn(&self) -> bool {
        self.overtaken
    }

    /// Once: he may be gone, and nobody says so.
    pub(super) fn give_reader_his_turn(&mut self) {
        self.overtaken = false;
        self.wake(Side::Read);
    }
}

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // First who may have waited for the reader.
        self.wake_side(Side::Write);
        self.wake_side(Side::Read);
    }
}

#[cfg(all(test, aside_loom))]
mod model {
    use super::*;
    use crate::job::model::{ByHand, run};
    use crate::job::new;
    use crate::sync::{Ordering, check, counting_waker};
    use loom::thread;

    /// Both wait for one job, and one of them looks again as it ends: it may see the end itself, but the other one must hear of it.
    #[test]
    fn one_side_looks_while_the_other_waits() {
        check(|| {
            let (task, mut offload) = new(|| 7, Arc::new(ByHand));
            let (writer_hears, writer) = counting_waker();
            let (_, reader) = counting_waker();
            let mut sides = Sides::default();
            assert!(offload.poll_quietly(&sides.enter(Side::Write, &writer)).is_pending());
            assert!(offload.poll_quietly(&sides.enter(Side::Read, &reader)).is_pending());
            let worker = thread::spawn(move || run(task));
            drop(offload.poll_quietly(&sides.enter(Side::Read, &reader)));
            worker.join().unwrap();
            assert_eq!(writer_hears.0.load(Ordering::Relaxed), 1);
        });
    }
}
