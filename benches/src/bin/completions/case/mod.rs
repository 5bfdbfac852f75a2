//! What is measured.

mod flood;
mod ready;
mod trip;
mod window;

use crate::event_loop::{EventLoop, Wait};
use aside_benches::figures::Figures;
use aside_benches::group::started;
use aside_benches::meter::{metered, ns_per};
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Case {
    FloodFutures,
    FloodWait,
    FloodEpoll,
    WindowFutures,
    WindowWait,
    WindowEpoll,
    TripFutures,
    TripWait,
    TripEpoll,
    TripEpollNoLinger,
    TripLimit,
    ReadyAlone,
    ReadyAmongPending,
}

impl Case {
    pub(crate) const ALL: [Self; 13] = [
        Self::FloodFutures,
        Self::FloodWait,
        Self::FloodEpoll,
        Self::WindowFutures,
        Self::WindowWait,
        Self::WindowEpoll,
        Self::TripFutures,
        Self::TripWait,
        Self::TripEpoll,
        Self::TripEpollNoLinger,
        Self::TripLimit,
        Self::ReadyAlone,
        Self::ReadyAmongPending,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FloodFutures => "flood-futures",
            Self::FloodWait => "flood-wait",
            Self::FloodEpoll => "flood-epoll",
            Self::WindowFutures => "window-futures",
            Self::WindowWait => "window-wait",
            Self::WindowEpoll => "window-epoll",
            Self::TripFutures => "trip-futures",
            Self::TripWait => "trip-wait",
            Self::TripEpoll => "trip-epoll",
            Self::TripEpollNoLinger => "trip-epoll-nolinger",
            Self::TripLimit => "trip-limit",
            Self::ReadyAlone => "ready-alone",
            Self::ReadyAmongPending => "ready-among-pending",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }

    pub(crate) fn jobs(self, quick: bool) -> usize {
        let (full, few) = match self {
            Self::TripFutures
            | Self::TripWait
            | Self::TripEpoll
            | Self::TripEpollNoLinger
            | Self::TripLimit => (20_000, 1_000),
            _ => (200_000, 4_000),
        };
        if quick { few } else { full }
    }

    /// What can be run with a number of jobs, again and again.
    pub(crate) fn prepare(self, quick: bool) -> Box<dyn FnMut(usize) -> Figures> {
        let pending = if quick { 5_000 } else { 100_000 };
        match self {
            Self::FloodFutures => flood::futures(),
            Self::FloodWait => flood::callbacks(EventLoop::new(Wait::Wait)),
            Self::FloodEpoll => flood::callbacks(EventLoop::new(Wait::Epoll)),
            Self::WindowFutures => window::futures(),
            Self::WindowWait => window::callbacks(EventLoop::new(Wait::Wait)),
            Self::WindowEpoll => window::callbacks(EventLoop::new(Wait::Epoll)),
            Self::TripFutures => trip::futures(),
            Self::TripWait => trip::callbacks(EventLoop::new(Wait::Wait), group()),
            Self::TripEpoll => trip::callbacks(EventLoop::new(Wait::Epoll), group()),
            Self::TripEpollNoLinger => {
                let group = started(aside::Group::builder().linger(Duration::ZERO));
                trip::callbacks(EventLoop::new(Wait::Epoll), group)
            }
            Self::TripLimit => trip::limit(),
            Self::ReadyAlone => ready::callbacks(0),
            Self::ReadyAmongPending => ready::callbacks(pending),
        }
    }
}

fn group() -> aside::Group {
    started(aside::Group::builder())
}

/// How long so many jobs took, and what; and how often the bell was rung.
fn metered_with_rings(jobs: usize, events: &EventLoop, work: impl FnOnce(&mut Figures)) -> Figures {
    let rings = events.rings();
    let mut figures = metered(jobs, work);
    figures.set("rings", (events.rings() - rings) as f64 / jobs as f64);
    figures
}
