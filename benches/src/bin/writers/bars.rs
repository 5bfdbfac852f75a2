//! What the log writer is held to, each against the same run's limit and peers.

use crate::case::Case;
use crate::sink::Sink::{self, File, Null, Pipe};
use crate::workload::Workload::{
    self, Burst, Calls, Drained, Drained4, Events, Events4, First, Flood, Idle, Latency, Paced,
};
use crate::writer::Writer::{self, Appender, Aside, AsidePerThread, Channel, Limit, LimitRing, Mutex};
use aside_benches::bars::{self, Bar};
use aside_benches::results::Results;

/// The bars that the run has figures for.
pub(crate) fn of(results: &Results<Case>) -> String {
    bars::table(Bars { results }.all())
}

struct Bars<'a> {
    results: &'a Results<Case>,
}

impl Bars<'_> {
    fn all(&self) -> Vec<Option<Bar>> {
        let mut bars = Vec::new();
        for sink in Sink::ALL {
            bars.push(self.over_limit(Paced, sink, Aside, "p50", Limit, 18.0));
            bars.push(self.over_limit(Paced, sink, Aside, "p99", Limit, 40.0));
            bars.push(self.over_limit(Paced, sink, Aside, "p99", LimitRing, 40.0));
            bars.push(self.against(Paced, sink, "p999", Appender, 0.2));
            bars.push(self.over_limit(Paced, sink, AsidePerThread, "p50", Limit, 8.0));
        }
        for sink in Sink::ALL {
            bars.push(self.against(Flood, sink, "p50", Mutex, 1.0));
        }
        for sink in [Null, File] {
            bars.push(self.at_most(Burst, sink, "p99", 100.0));
        }
        // With each call timed, and without, when what the writers take themselves weighs more.
        for workload in [Flood, Drained] {
            for sink in [Null, File] {
                bars.push(self.at_least(workload, sink, "rate", 8.0));
                bars.push(self.times(workload, sink, Appender, 6.0));
                bars.push(self.times(workload, sink, Mutex, 1.0));
            }
        }
        for sink in [Null, File] {
            bars.push(self.times(Drained4, sink, Appender, 8.0));
            bars.push(self.times(Drained4, sink, Channel, 1.5));
        }
        bars.push(self.times(Flood, Pipe, Appender, 10.0));
        bars.push(self.times(Drained, Pipe, Appender, 10.0));
        bars.push(self.times(Drained, Pipe, Limit, 0.9));
        for sink in Sink::ALL {
            bars.push(self.at_most(Drained, sink, "writes", 0.005));
            bars.push(self.at_most(Drained4, sink, "writes", 0.005));
        }
        bars.push(self.at_most(Calls, Null, "allocations", 0.0));
        bars.push(self.at_most(Calls, Null, "calls", 0.0));
        bars.push(self.at_most(Calls, Null, "parked_calls", 1.0));
        bars.push(self.at_most(Calls, Null, "parked_wakes", 1.0));
        bars.push(self.at_most(First, Null, "first_p50", 30_000.0));
        bars.push(self.at_most(First, Null, "first_max", 30_000.0));
        bars.push(self.no_slower_than_again("fresh_p99", "again_p99", 100.0));
        bars.push(self.no_slower_than_again("fresh_p999", "again_p999", 1_000.0));
        bars.push(self.at_most(Latency, Pipe, "p50", 60_000.0));
        bars.push(self.at_most(Latency, Pipe, "p99", 1_000_000.0));
        bars.push(self.worst(Idle, Null, "switches", 0.0));
        for sink in [Null, File] {
            bars.push(self.times(Events, sink, Appender, 1.5));
            bars.push(self.times(Events4, sink, Appender, 1.5));
            bars.push(self.of_formatting_alone(Events, sink));
            bars.push(self.of_formatting_alone(Events4, sink));
        }
        for sink in Sink::ALL {
            bars.push(self.worst(Drained, sink, "lost", 0.0));
            bars.push(self.worst(Drained4, sink, "lost", 0.0));
        }
        bars
    }

    fn median(&self, workload: Workload, sink: Sink, writer: Writer, key: &str) -> Option<f64> {
        self.results.median(Case { workload, writer, sink }, key)
    }

    fn at_most(&self, workload: Workload, sink: Sink, key: &str, limit: f64) -> Option<Bar> {
        Some(Bar::at_most(name(workload, sink, key), self.median(workload, sink, Aside, key)?, limit))
    }

    fn at_least(&self, workload: Workload, sink: Sink, key: &str, limit: f64) -> Option<Bar> {
        Some(Bar::at_least(name(workload, sink, key), self.median(workload, sink, Aside, key)?, limit))
    }

    /// In every round.
    fn worst(&self, workload: Workload, sink: Sink, key: &str, limit: f64) -> Option<Bar> {
        let values = self.results.values(Case { workload, writer: Aside, sink }, key);
        let worst = values.iter().copied().reduce(f64::max)?;
        Some(Bar::at_most(format!("{}, worst round", name(workload, sink, key)), worst, limit))
    }

    /// ns above a copy into memory.
    fn over_limit(
        &self,
        workload: Workload,
        sink: Sink,
        writer: Writer,
        key: &str,
        limit: Writer,
        most: f64,
    ) -> Option<Bar> {
        let above = self.median(workload, sink, writer, key)? - self.median(workload, Null, limit, key)?;
        let name = format!("{} of {} − {}", name(workload, sink, key), writer.name(), limit.label());
        Some(Bar::at_most(name, above, most))
    }

    /// At most that part of the peer's.
    fn against(&self, workload: Workload, sink: Sink, key: &str, peer: Writer, part: f64) -> Option<Bar> {
        let ratio = self.median(workload, sink, Aside, key)? / self.median(workload, sink, peer, key)?;
        Some(Bar::at_most(format!("{} ÷ {}", name(workload, sink, key), peer.label()), ratio, part))
    }

    /// At least so many times the peer's throughput.
    fn times(&self, workload: Workload, sink: Sink, peer: Writer, least: f64) -> Option<Bar> {
        let ratio =
            self.median(workload, sink, Aside, "rate")? / self.median(workload, sink, peer, "rate")?;
        let peer = if peer.is_limit() { "a loop of 64 KiB writes" } else { peer.label() };
        Some(Bar::at_least(format!("{} ÷ {peer}", name(workload, sink, "rate")), ratio, least))
    }

    /// The part of the throughput that the layer has without any writer: it formats whoever writes.
    fn of_formatting_alone(&self, workload: Workload, sink: Sink) -> Option<Bar> {
        let part =
            self.median(workload, sink, Aside, "rate")? / self.median(workload, Null, Limit, "rate")?;
        Some(Bar::at_least(format!("{} ÷ formatting alone", name(workload, sink, "rate")), part, 0.75))
    }

    /// A fresh thread's records after its first, against those that follow when its memory has been used once.
    fn no_slower_than_again(&self, fresh: &str, again: &str, most: f64) -> Option<Bar> {
        let of = |key: &str| self.median(First, Null, Aside, key);
        Some(Bar::at_most(format!("first {fresh} − {again}"), of(fresh)? - of(again)?, most))
    }
}

fn name(workload: Workload, sink: Sink, key: &str) -> String {
    format!("{} {} {key}", workload.name(), sink.name())
}
