//! The loop of the thread whose callbacks are measured.

use aside::Completions;
use rustix::event::{Timespec, epoll};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Clone, Copy)]
pub(crate) enum Wait {
    /// `wait(None)`.
    Wait,
    /// `epoll_wait`, level-triggered, then `dispatch`.
    Epoll,
}

pub(crate) struct EventLoop {
    pub(crate) completions: Completions,
    epoll: Option<OwnedFd>,
    rings: Arc<AtomicU64>,
}

impl EventLoop {
    pub(crate) fn new(wait: Wait) -> Self {
        let rings = Arc::new(AtomicU64::new(0));
        let count = rings.clone();
        let completions = Completions::with_notifier(move || {
            count.fetch_add(1, Relaxed);
        })
        .expect("a descriptor");
        let epoll = match wait {
            Wait::Wait => None,
            // From here on the bell writes the descriptor each time it is rung.
            Wait::Epoll => Some(watching(&completions)),
        };
        Self { completions, epoll, rings }
    }

    /// Waits until there is something to dispatch, and dispatches.
    pub(crate) fn turn(&self) {
        match &self.epoll {
            None => drop(self.completions.wait(None)),
            Some(epoll) => {
                wait_for_one(epoll);
                self.completions.dispatch();
            }
        }
    }

    /// Until no callback is pending.
    pub(crate) fn run(&self) {
        while self.completions.pending() > 0 {
            self.turn();
        }
    }

    /// How often the bell was rung.
    pub(crate) fn rings(&self) -> u64 {
        self.rings.load(Relaxed)
    }
}

pub(crate) fn watching(source: impl std::os::fd::AsFd) -> OwnedFd {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("a descriptor");
    epoll::add(&epoll, source, epoll::EventData::new_u64(0), epoll::EventFlags::IN).expect("takes it");
    epoll
}

pub(crate) fn wait_for_one(epoll: &OwnedFd) {
    let mut events =
        [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; 8];
    epoll::wait(epoll, &mut events, None::<&Timespec>).expect("nothing interrupts");
}
