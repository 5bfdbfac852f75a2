//! The table that compares the two ways.

use crate::meter;
use crate::options::Source;
use crate::outlet::QUEUE_LIMIT;
use crate::run::{Figures, Report};
use std::fmt::Write;

/// How wide the names of the rows are, and each column.
const NAMES: usize = 30;
const COLUMN: usize = 16;

pub(crate) fn of(report: &Report, source: &Source, goes_to: &str) -> String {
    let accepted = report.accepted();
    if accepted == 0 {
        return "No record was logged: there is nothing to measure.\n".to_owned();
    }
    let threads = report.logging_threads as u64;
    let mut table = format!(
        "{} from {}, written to {goes_to}\n\n",
        counted(accepted, "record"),
        counted(threads, "thread")
    );
    let mut row = |name: &str, direct: String, offloaded: String| {
        let line = format!("{name:<NAMES$}{direct:>COLUMN$}{offloaded:>COLUMN$}");
        // Writing into a string does not fail.
        let _ = writeln!(table, "{}", line.trim_end());
    };
    let (direct, offloaded) = (&report.direct, &report.offloaded);
    let both = |show: fn(&Figures) -> String| (cell(direct, show), cell(offloaded, show));

    row("", "direct".to_owned(), "offloaded".to_owned());
    row("cost to the logging thread, ns", String::new(), String::new());
    for (name, quantile) in [("  p50", 0.5), ("  p99", 0.99), ("  p99.9", 0.999), ("  max", 1.0)] {
        let show = |of: &Figures| grouped(of.meter.costs.value_at_quantile(quantile));
        row(name, cell(direct, show), cell(offloaded, show));
    }
    let (d, o) = both(|of| grouped(of.meter.accepted()));
    row("records", d, o);
    let (d, o) = both(|of| grouped(of.lost()));
    row("records lost", d, o);
    row("waits for room in queue", "-".to_owned(), cell(offloaded, |of| grouped(of.meter.waits)));
    let (logging, more) = (report.logging_threads, report.offload_threads);
    row(
        "threads used",
        cell(direct, |_| logging.to_string()),
        cell(offloaded, |_| format!("{logging} + {more}")),
    );
    let (d, o) = both(|of| grouped((of.written as f64 / of.took.as_secs_f64()) as u64));
    row("records per second", d, o);

    table.push('\n');
    table.push_str(&notes(report, source));
    table
}

fn notes(report: &Report, source: &Source) -> String {
    let room = grouped(QUEUE_LIMIT as u64);
    let mut notes = format!(
        "Each cost includes {} ns for reading the clock. Records per second: until the last byte was written.\n",
        meter::overhead(),
    );
    notes.push_str(&match source {
        Source::Stdin => format!(
            "The queue has room for {room} records; a thread that finds it full waits.\n\
             Records per second count the time that stdin took to bring them.\n"
        ),
        Source::Own | Source::File(_) => format!(
            "Nobody pauses here between two records, which is the worst case for a queue. It has room\n\
             for {room} records, and a thread that finds it full waits.\n"
        ),
    });
    if report.stop.is_some() && report.lost() > 0 {
        notes.push_str("Lost: taken, but then there was nowhere to write them.\n");
    }
    notes
}

fn cell(figures: &Figures, show: impl Fn(&Figures) -> String) -> String {
    if figures.meter.accepted() == 0 { "-".to_owned() } else { show(figures) }
}

pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// 1234567 as 1,234,567.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
