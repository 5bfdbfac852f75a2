//! What is measured.

mod lanes;
pub(crate) mod read;
pub(crate) mod stdout;
mod write;

use crate::child::Order;
use crate::section::Section;
use aside_benches::figures::Figures;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Case {
    FloodGroup,
    FloodLane,
    SpreadGroup,
    SpreadLanes,
    IdleLanes,
    ReadStd,
    ReadStdSpread,
    ReadUnblock,
    ReadUnblockSmall,
    ReadUnblockLarge,
    ReadTokio,
    ReadAside,
    ReadAsideBuf,
    WriteStd,
    WriteUnblock,
    WriteTokio,
    WriteTokioBuffered,
    WriteAside,
    WriteLimit,
    StdoutTokio,
    StdoutAside,
}

impl Case {
    pub(crate) const ALL: [Self; 21] = [
        Self::FloodGroup,
        Self::FloodLane,
        Self::SpreadGroup,
        Self::SpreadLanes,
        Self::IdleLanes,
        Self::ReadStd,
        Self::ReadStdSpread,
        Self::ReadUnblock,
        Self::ReadUnblockSmall,
        Self::ReadUnblockLarge,
        Self::ReadTokio,
        Self::ReadAside,
        Self::ReadAsideBuf,
        Self::WriteStd,
        Self::WriteUnblock,
        Self::WriteTokio,
        Self::WriteTokioBuffered,
        Self::WriteAside,
        Self::WriteLimit,
        Self::StdoutTokio,
        Self::StdoutAside,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FloodGroup => "flood-group",
            Self::FloodLane => "flood-lane",
            Self::SpreadGroup => "spread-group",
            Self::SpreadLanes => "spread-lanes",
            Self::IdleLanes => "idle-lanes",
            Self::ReadStd => "read-std",
            Self::ReadStdSpread => "read-std-8m",
            Self::ReadUnblock => "read-unblock",
            Self::ReadUnblockSmall => "read-unblock-1m",
            Self::ReadUnblockLarge => "read-unblock-32m",
            Self::ReadTokio => "read-tokio",
            Self::ReadAside => "read-aside",
            Self::ReadAsideBuf => "read-aside-buf",
            Self::WriteStd => "write-std-buf",
            Self::WriteUnblock => "write-unblock",
            Self::WriteTokio => "write-tokio",
            Self::WriteTokioBuffered => "write-tokio-buf",
            Self::WriteAside => "write-aside",
            Self::WriteLimit => "write-limit",
            Self::StdoutTokio => "stdout-tokio",
            Self::StdoutAside => "stdout-aside",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }

    pub(crate) fn section(self) -> Section {
        match self {
            Self::FloodGroup | Self::FloodLane | Self::SpreadGroup | Self::SpreadLanes => Section::Lanes,
            Self::IdleLanes => Section::Idle,
            Self::ReadStd
            | Self::ReadStdSpread
            | Self::ReadUnblock
            | Self::ReadUnblockSmall
            | Self::ReadUnblockLarge
            | Self::ReadTokio
            | Self::ReadAside
            | Self::ReadAsideBuf => Section::Read,
            Self::WriteStd
            | Self::WriteUnblock
            | Self::WriteTokio
            | Self::WriteTokioBuffered
            | Self::WriteAside
            | Self::WriteLimit => Section::Write,
            Self::StdoutTokio | Self::StdoutAside => Section::Stdout,
        }
    }

    /// How many jobs, lanes, bytes, records or lines.
    pub(crate) fn size(self, quick: bool) -> usize {
        let (full, little) = match (self, self.section()) {
            (Self::FloodGroup | Self::FloodLane, _) => (200_000, 4_000),
            (_, Section::Lanes | Section::Idle) => (10_000, 500),
            (_, Section::Read) => (1 << 30, 16 << 20),
            // A call of the system for each.
            (Self::WriteTokio, _) => (20_000, 500),
            (_, Section::Write) => (1_000_000, 20_000),
            (_, Section::Stdout) => (200_000, 4_000),
        };
        if quick { little } else { full }
    }

    pub(crate) fn run(self, order: &Order) -> Figures {
        let size = self.size(order.quick);
        match self {
            Self::FloodGroup => lanes::flood_group(size),
            Self::FloodLane => lanes::flood_lane(size),
            Self::SpreadGroup => lanes::spread_group(size),
            Self::SpreadLanes => lanes::spread_lanes(size),
            Self::IdleLanes => lanes::idle(size),
            _ => match self.section() {
                Section::Read => read::run(self, &order.input, size),
                Section::Write => write::run(self, size),
                _ => stdout::run(self, order.quick),
            },
        }
    }
}
