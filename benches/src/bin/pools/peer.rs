//! Who is measured.

use crate::limit;
use crate::pool::{Affinity, Aside, AsyncTask, Blocking, Caps, Rayon, Threads, TokioCurrent, TokioMulti};
use crate::workload::Workload;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Peer {
    Aside,
    AsideNoLinger,
    /// With histograms of time in queue and run time.
    AsideTimings,
    Blocking,
    TokioCurrent,
    TokioMulti,
    Threads,
    Rayon,
    Affinity,
    AsyncTask,
    /// No pool: what the machine or a combinator takes for the same by itself.
    Limit,
}

impl Peer {
    pub(crate) const ALL: [Self; 11] = [
        Self::Aside,
        Self::AsideNoLinger,
        Self::AsideTimings,
        Self::Blocking,
        Self::TokioCurrent,
        Self::TokioMulti,
        Self::Threads,
        Self::Rayon,
        Self::Affinity,
        Self::AsyncTask,
        Self::Limit,
    ];
    /// The other pools. `AsyncTask` is none that anybody could use, so aside is not held to it.
    pub(crate) const OTHERS: [Self; 6] =
        [Self::Blocking, Self::TokioCurrent, Self::TokioMulti, Self::Threads, Self::Rayon, Self::Affinity];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aside => "aside",
            Self::AsideNoLinger => "aside-nolinger",
            Self::AsideTimings => "aside-timings",
            Self::Blocking => "blocking",
            Self::TokioCurrent => "tokio-ct",
            Self::TokioMulti => "tokio-mt",
            Self::Threads => "threadpool",
            Self::Rayon => "rayon",
            Self::Affinity => "affinitypool",
            Self::AsyncTask => "async-task",
            Self::Limit => "limit",
        }
    }

    /// As it stands in a workload's table.
    pub(crate) fn label(self, workload: Workload) -> String {
        let fixed = workload.caps().fixed;
        match self {
            Self::Threads => format!("threadpool({fixed}) + oneshot"),
            Self::Rayon => format!("rayon({fixed}) + oneshot"),
            Self::Affinity => format!("affinitypool({fixed})"),
            Self::AsyncTask => format!("async-task + SegQueue ({})", workload.caps().least),
            Self::TokioCurrent => "tokio current-thread".to_owned(),
            Self::TokioMulti => "tokio multi-thread".to_owned(),
            Self::Limit => limit::label(workload).unwrap_or("limit").to_owned(),
            Self::Aside | Self::AsideNoLinger | Self::AsideTimings | Self::Blocking => self.name().to_owned(),
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|peer| peer.name() == name)
    }

    /// Whether it says anything in this workload's table.
    pub(crate) fn belongs_to(self, workload: Workload) -> bool {
        match self {
            Self::Limit => limit::label(workload).is_some(),
            Self::AsideNoLinger => workload == Workload::Linger,
            Self::AsideTimings => workload == Workload::All,
            Self::Aside => true,
            // Has no growth, so nothing to say where jobs block.
            Self::AsyncTask => {
                matches!(
                    workload,
                    Workload::All
                        | Workload::Window
                        | Workload::Producers
                        | Workload::Roundtrip
                        | Workload::Million
                )
            }
            _ => workload != Workload::Linger,
        }
    }

    /// Makes the pool and calls the visitor with it.
    pub(crate) fn with_pool<V: crate::pool::Visitor>(self, caps: Caps, visitor: V) -> V::Output {
        match self {
            Self::Aside => visitor.visit(&Aside::new(caps)),
            Self::AsideNoLinger => visitor.visit(&Aside::without_linger(caps)),
            Self::AsideTimings => visitor.visit(&Aside::with_timings(caps)),
            Self::Blocking => visitor.visit(&Blocking),
            Self::TokioCurrent => visitor.visit(&TokioCurrent::new(caps)),
            Self::TokioMulti => visitor.visit(&TokioMulti::new(caps)),
            Self::Threads => visitor.visit(&Threads::new(caps)),
            Self::Rayon => visitor.visit(&Rayon::new(caps)),
            Self::Affinity => visitor.visit(&Affinity::new(caps)),
            Self::AsyncTask => visitor.visit(&AsyncTask::new(caps)),
            Self::Limit => unreachable!("has no pool"),
        }
    }
}
