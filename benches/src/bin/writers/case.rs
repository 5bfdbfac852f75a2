//! What is measured: who writes where, and under which load.

use crate::sink::Sink;
use crate::workload::Workload;
use crate::writer::Writer;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Case {
    pub(crate) workload: Workload,
    pub(crate) writer: Writer,
    pub(crate) sink: Sink,
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for workload in Workload::ALL {
            for &sink in workload.sinks() {
                let writers = Writer::ALL.into_iter().filter(|&writer| workload.suits(writer, sink));
                cases.extend(writers.map(|writer| Self { workload, writer, sink }));
            }
        }
        cases
    }

    pub(crate) fn name(self) -> String {
        format!("{}-{}-{}", self.workload.name(), self.writer.name(), self.sink.name())
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|case| case.name() == name)
    }
}
