//! One workload's table, as text.

use crate::peer::Peer;
use crate::results::Results;
use crate::workload::{Column, Workload};
use std::fmt::Write;

const COMMON: [Column; 5] = [
    Column { key: "threads", title: "threads" },
    Column { key: "cpu_ns", title: "CPU ns/job" },
    Column { key: "voluntary", title: "vol. sw/job" },
    Column { key: "involuntary", title: "invol." },
    Column { key: "allocations", title: "allocs/job" },
];
const AFTERMATH: [Column; 2] = [
    Column { key: "threads_later", title: "threads 12 s later" },
    Column { key: "switches_later", title: "switches in 2 s" },
];

pub(crate) fn of(workload: Workload, peers: &[Peer], results: &Results, quick: bool, idle: bool) -> String {
    let (main, more) = workload.columns().split_first().expect("has columns");
    let mut columns: Vec<&Column> = more.iter().chain(&COMMON).collect();
    if idle {
        columns.extend(&AFTERMATH);
    }
    let mut head: Vec<String> =
        vec![String::new(), main.title.to_owned(), "min – max".to_owned(), "÷ aside".to_owned()];
    head.extend(columns.iter().map(|column| column.title.to_owned()));
    let mut rows = vec![head];
    let ours = results.median(workload, Peer::Aside, main.key);
    for &peer in peers {
        let median = |key: &str| results.median(workload, peer, key);
        let own = median(main.key);
        let mut label = peer.label(workload);
        match results.failures(workload, peer) {
            0 => {}
            times => label.push_str(&format!(" (FAILED {times} ×)")),
        }
        let ratio = own.zip(ours).map(|(own, ours)| own / ours);
        let mut row = vec![label, cell(own), range(results.values(workload, peer, main.key)), cell(ratio)];
        row.extend(columns.iter().map(|column| cell(median(column.key))));
        rows.push(row);
    }
    format!("{} — {}\n{}", workload.name(), workload.title(quick), align(&rows))
}

fn range(values: &[f64]) -> String {
    let min = values.iter().copied().reduce(f64::min);
    let max = values.iter().copied().reduce(f64::max);
    format!("{} – {}", cell(min), cell(max))
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "·".to_owned(), number)
}

/// With three digits or so.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        _ if value == value.trunc() => format!("{value:.0}"),
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        0.1..10.0 => format!("{value:.2}"),
        0.0005..0.1 => format!("{value:.3}"),
        _ => "~0".to_owned(),
    }
}

/// The first column to the left, the others to the right.
pub(crate) fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let written =
                if column == 0 { write!(text, "{cell:<width$}") } else { write!(text, "  {cell:>width$}") };
            written.expect("a string takes it");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}
