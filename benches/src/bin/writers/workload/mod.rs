//! What the writers are put to.

mod burst;
mod calls;
pub(crate) mod drained;
pub(crate) mod events;
mod first;
mod flood;
mod idle;
pub(crate) mod latency;
mod paced;

use crate::child::Order;
use crate::sink::{Open, Sink};
use crate::writer::{Logger, Visitor, Writer};
use aside_benches::figures::Figures;

/// How many threads log where there are several.
pub(crate) const THREADS: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Workload {
    Paced,
    Flood,
    Burst,
    Drained,
    Drained4,
    Calls,
    First,
    Latency,
    Idle,
    Events,
    Events4,
}

impl Workload {
    pub(crate) const ALL: [Self; 11] = [
        Self::Paced,
        Self::Flood,
        Self::Burst,
        Self::Drained,
        Self::Drained4,
        Self::Calls,
        Self::First,
        Self::Latency,
        Self::Idle,
        Self::Events,
        Self::Events4,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Paced => "paced",
            Self::Flood => "flood",
            Self::Burst => "burst",
            Self::Drained => "drained",
            Self::Drained4 => "drained4",
            Self::Calls => "calls",
            Self::First => "first",
            Self::Latency => "latency",
            Self::Idle => "idle",
            Self::Events => "events",
            Self::Events4 => "events4",
        }
    }

    pub(crate) fn sinks(self) -> &'static [Sink] {
        match self {
            Self::Paced | Self::Flood | Self::Drained | Self::Drained4 => &Sink::ALL,
            Self::Burst | Self::Events | Self::Events4 => &[Sink::Null, Sink::File],
            Self::Latency => &[Sink::Pipe],
            Self::Calls | Self::First | Self::Idle => &[Sink::Null],
        }
    }

    pub(crate) fn suits(self, writer: Writer, sink: Sink) -> bool {
        match (self, writer) {
            // Has no sink, so once will do.
            (Self::Paced | Self::Flood | Self::Burst, Writer::Limit | Writer::LimitRing) => {
                sink == Sink::Null
            }
            (Self::Drained, Writer::Limit) => true,
            // Formatting alone.
            (Self::Events | Self::Events4, Writer::Limit) => sink == Sink::Null,
            (_, Writer::Limit | Writer::LimitRing) => false,
            // Only who can be asked to write at once.
            (Self::Burst, _) => matches!(writer, Writer::Aside | Writer::AsidePerThread | Writer::Mutex),
            (Self::Drained4 | Self::First, Writer::Unblock) => false,
            // Those that write without being asked to.
            (Self::Latency, _) => !matches!(writer, Writer::Mutex | Writer::Unblock),
            (Self::Events | Self::Events4, _) => {
                matches!(writer, Writer::Aside | Writer::Appender | Writer::Mutex)
            }
            _ => true,
        }
    }

    /// How many records (or fresh threads, or events) of all threads together.
    pub(crate) fn size(self, writer: Writer, sink: Sink, quick: bool) -> usize {
        let full = match (self, sink) {
            (Self::Paced, _) => 100_000,
            (Self::Burst, _) => 200_000,
            (Self::Calls, _) => 20_000,
            (Self::First, _) => 100,
            (Self::Latency, _) => 300,
            (Self::Idle, _) => 100_000,
            (Self::Events | Self::Events4, _) => 400_000,
            (_, Sink::Pipe) if writer.is_slow() => 300_000,
            _ if writer.is_slow() => 600_000,
            (Self::Flood, _) => 1_000_000,
            _ => 2_000_000,
        };
        if quick { full / 50 } else { full }
    }
}

/// In a process of its own.
pub(crate) fn run(order: &Order) -> Figures {
    let mut open = order.case.sink.open();
    let file = open.take();
    order.case.writer.with(file, Load { order, open: &mut open })
}

struct Load<'a> {
    order: &'a Order,
    open: &'a mut Open,
}

impl Visitor for Load<'_> {
    type Output = Figures;

    fn visit<L: Logger>(self, logger: L) -> Figures {
        let case = self.order.case;
        let size = case.workload.size(case.writer, case.sink, self.order.quick);
        let mut figures = match case.workload {
            Workload::Paced => paced::run(logger, size),
            Workload::Flood => flood::run(logger, size),
            Workload::Burst => burst::run(logger, size),
            Workload::Drained => drained::run(logger, self.open, size, 1),
            Workload::Drained4 => drained::run(logger, self.open, size, THREADS),
            Workload::Calls => calls::run(logger, size),
            Workload::First => first::run(logger, size),
            Workload::Idle => idle::run(logger, size, self.order.quick),
            Workload::Latency | Workload::Events | Workload::Events4 => {
                unreachable!("have a sink of their own")
            }
        };
        if let (Some(logged), false) = (figures.get("logged"), case.writer.is_limit()) {
            figures.set("lost", logged - self.open.found().records);
        }
        figures
    }
}
