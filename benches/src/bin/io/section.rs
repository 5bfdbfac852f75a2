//! The table's sections: cases that are compared with each other.

use crate::case::Case;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Section {
    Lanes,
    Idle,
    Read,
    Write,
    Stdout,
}

/// A key, and how it stands in the table.
pub(crate) type Column = (&'static str, &'static str);

impl Section {
    pub(crate) const ALL: [Self; 5] = [Self::Lanes, Self::Idle, Self::Read, Self::Write, Self::Stdout];

    pub(crate) fn cases(self) -> impl Iterator<Item = Case> {
        Case::ALL.into_iter().filter(move |case| case.section() == self)
    }

    pub(crate) fn title(self, quick: bool) -> String {
        let size = |case: Case| case.size(quick);
        match self {
            Self::Lanes => format!(
                "{} no-ops on one lane; on {} lanes in turn",
                size(Case::FloodLane),
                size(Case::SpreadLanes)
            ),
            Self::Idle => format!("{} lanes that have run a job", size(Case::IdleLanes)),
            Self::Read => format!("read {} MiB, 64 KiB at a time", size(Case::ReadStd) >> 20),
            Self::Write => format!("write {} × 100 bytes", size(Case::WriteStd)),
            Self::Stdout => format!("{} lines from 8 tasks to a pipe", size(Case::StdoutAside)),
        }
    }

    /// The first one is what the cases are compared by.
    pub(crate) fn columns(self) -> &'static [Column] {
        match self {
            Self::Lanes => &[
                ("total_ns", "ns/job"),
                ("first_ns", "first time"),
                ("submit_ns", "submit"),
                ("cpu_ns", "CPU ns/job"),
                ("threads", "threads"),
                ("voluntary", "vol. sw/job"),
                ("allocations", "allocs/job"),
            ],
            Self::Idle => &[
                ("bytes", "heap bytes/lane"),
                ("handle_bytes", "handle bytes"),
                ("threads_held", "threads held"),
            ],
            Self::Read => &[
                ("rate", "GiB/s"),
                ("first_rate", "first time"),
                ("cpu_ms", "CPU ms/GiB"),
                ("threads", "threads"),
                ("voluntary", "vol. sw/GiB"),
            ],
            Self::Write => &[
                ("total_ns", "ns/record"),
                ("first_ns", "first time"),
                ("cpu_ns", "CPU ns/record"),
                ("threads", "threads"),
                ("voluntary", "vol. sw/record"),
            ],
            Self::Stdout => &[
                ("total_ns", "ns/line"),
                ("first_ns", "first time"),
                ("cpu_ns", "CPU ns/line"),
                ("threads", "threads"),
                ("voluntary", "vol. sw/line"),
                ("torn", "torn lines"),
                ("reordered", "reordered"),
                ("lost", "lost"),
            ],
        }
    }
}
