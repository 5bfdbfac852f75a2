//! The table's sections: writers that are compared with each other, and by what.

use crate::case::Case;
use crate::sink::Sink;
use crate::workload::Workload;
use crate::writer::Writer;

pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) sink: Sink,
    pub(crate) columns: Vec<Column>,
}

/// A figure of a workload, and how it stands in the table.
pub(crate) struct Column {
    pub(crate) workload: Workload,
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    /// With the least and the greatest value.
    pub(crate) has_range: bool,
}

fn column(workload: Workload, key: &'static str, title: &'static str) -> Column {
    Column { workload, key, title, has_range: false }
}

fn ranged(workload: Workload, key: &'static str, title: &'static str) -> Column {
    Column { workload, key, title, has_range: true }
}

pub(crate) fn all() -> Vec<Section> {
    use Workload::{Burst, Calls, Drained, Drained4, Events, Events4, First, Flood, Idle, Latency, Paced};
    let mut sections = Vec::new();
    for sink in Sink::ALL {
        let title = format!("{}: ns per call, M records/s", sink.title());
        let columns = vec![
            ranged(Paced, "p50", "paced p50"),
            column(Paced, "p99", "p99"),
            column(Paced, "p999", "p99.9"),
            column(Paced, "max", "max"),
            ranged(Flood, "p50", "flood p50"),
            column(Flood, "p99", "p99"),
            column(Flood, "p999", "p99.9"),
            column(Flood, "rate", "M/s so timed"),
            ranged(Drained, "rate", "drained M/s"),
            column(Drained, "writes", "writes/record"),
            column(Drained, "cpu_ns", "CPU ns"),
            ranged(Drained4, "rate", "4 threads M/s"),
            column(Drained4, "writes", "writes/record"),
            column(Drained4, "cpu_ns", "CPU ns"),
        ];
        sections.push(Section { title, sink, columns });
    }
    for sink in [Sink::Null, Sink::File] {
        let title = format!("{}: bursts of 1,000, ns per call", sink.title());
        let columns = vec![
            ranged(Burst, "p50", "p50"),
            column(Burst, "p99", "p99"),
            column(Burst, "p999", "p99.9"),
            column(Burst, "max", "max"),
        ];
        sections.push(Section { title, sink, columns });
    }
    sections.push(Section {
        title: "/dev/null: on the logging thread".to_owned(),
        sink: Sink::Null,
        columns: vec![
            column(Calls, "allocations", "allocs/record"),
            column(Calls, "calls", "system calls/record"),
            column(Calls, "wakes", "wakes"),
            column(Calls, "parked_allocations", "after a pause: allocs"),
            column(Calls, "parked_calls", "system calls, most"),
            column(Calls, "parked_wakes", "wakes"),
            column(Idle, "switches", "idle: switches in 2 s"),
        ],
    });
    sections.push(Section {
        title: "/dev/null: a fresh thread's records, ns per call".to_owned(),
        sink: Sink::Null,
        columns: vec![
            ranged(First, "first_p50", "first p50"),
            column(First, "first_max", "max"),
            column(First, "fresh_p50", "next 2,000 p50"),
            column(First, "fresh_p99", "p99"),
            column(First, "fresh_p999", "p99.9"),
            column(First, "fresh_max", "max"),
            column(First, "again_p50", "2,000 more p50"),
            column(First, "again_p99", "p99"),
            column(First, "again_p999", "p99.9"),
            column(First, "again_max", "max"),
        ],
    });
    sections.push(Section {
        title: "until it comes out of a pipe, idle system, ns".to_owned(),
        sink: Sink::Pipe,
        columns: vec![
            ranged(Latency, "p50", "p50"),
            column(Latency, "p99", "p99"),
            column(Latency, "max", "max"),
            column(Latency, "arrived", "arrived"),
        ],
    });
    for sink in [Sink::Null, Sink::File] {
        sections.push(Section {
            title: format!("{}: through tracing's fmt layer, M events/s", sink.title()),
            sink,
            columns: vec![
                ranged(Events, "rate", "1 thread M/s"),
                column(Events, "cpu_ns", "CPU ns"),
                column(Events, "bytes", "bytes/event"),
                ranged(Events4, "rate", "4 threads M/s"),
                column(Events4, "cpu_ns", "CPU ns"),
            ],
        });
    }
    sections
}

impl Section {
    pub(crate) fn writers(&self, cases: &[Case]) -> Vec<Writer> {
        let is_here = |writer: &Writer| {
            self.columns.iter().any(|column| cases.contains(&self.case(column.workload, *writer)))
        };
        Writer::ALL.into_iter().filter(is_here).collect()
    }

    pub(crate) fn case(&self, workload: Workload, writer: Writer) -> Case {
        Case { workload, writer, sink: self.sink }
    }
}
