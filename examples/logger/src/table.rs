//! The table that compares the ways.

use crate::crew::{BURST, PAUSE};
use crate::meter;
use crate::options::Source;
use crate::outlet::Way;
use crate::run::{Conditions, Figures, Report, Section};
use crate::sink::{STALL, STALL_EVERY};
use std::fmt::Write;

/// How wide the names of the rows are, and each column.
const NAMES: usize = 30;
const COLUMN: usize = 17;

pub(crate) fn of(report: &Report, source: &Source, goes_to: &str) -> String {
    let accepted = report.accepted();
    if accepted == 0 {
        return "No record was logged: there is nothing to measure.\n".to_owned();
    }
    let threads = report.sections.iter().map(|section| section.threads).max().unwrap_or(0);
    let mut table = format!(
        "{} from {}, written to {goes_to}\n",
        counted(accepted, "record"),
        counted(threads as u64, "thread")
    );
    row(&mut table, "", Way::ALL.map(|way| way.name().to_owned()));
    let has_records = |section: &&Section| section.figures.iter().any(|of| of.meter.accepted() > 0);
    for section in report.sections.iter().filter(has_records) {
        add(&mut table, section);
        table.push('\n');
    }
    table.push_str(&notes(report, source));
    table
}

fn add(table: &mut String, section: &Section) {
    let title = match section.conditions {
        Conditions::AsItIs => "cost to the logging thread, ns",
        Conditions::Stalling => "the same, when it stalls",
    };
    row(table, title, Way::ALL.map(|_| String::new()));
    let mut line = |name: &str, show: &dyn Fn(&Figures) -> String| {
        row(table, name, section.figures.each_ref().map(|figures| cell(figures, show)));
    };
    for (name, quantile) in [("  p50", 0.5), ("  p99", 0.99), ("  p99.9", 0.999), ("  max", 1.0)] {
        line(name, &|of| grouped(of.meter.costs.value_at_quantile(quantile)));
    }
    line("  records", &|of| grouped(of.meter.accepted()));
    line("  records lost", &|of| grouped(of.lost()));
    line("  records per write", &|of| grouped((of.written + of.writes / 2) / of.writes.max(1)));
}

fn row(table: &mut String, name: &str, cells: [String; Way::COUNT]) {
    let mut line = format!("{name:<NAMES$}");
    for cell in cells {
        // Writing into a string does not fail.
        let _ = write!(line, "{cell:>COLUMN$}");
    }
    table.push_str(line.trim_end());
    table.push('\n');
}

fn notes(report: &Report, source: &Source) -> String {
    let mut notes = format!(
        "Each cost includes {} ns for reading the clock. The last two ways write on a thread of their own.\n",
        meter::overhead()
    );
    if let Source::Own = source {
        let _ = writeln!(
            notes,
            "The threads log {BURST} lines in a row, then pause for {PAUSE:?}. In the second half the output stalls for {STALL:?}\n\
             after every {} KiB, as terminals, disks and readers of pipes do at times.",
            STALL_EVERY / 1024,
        );
    }
    if report.stop.is_some() && report.lost() > 0 {
        notes.push_str("Lost: taken, but then there was nowhere to write them.\n");
    }
    notes
}

fn cell(figures: &Figures, show: &dyn Fn(&Figures) -> String) -> String {
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
