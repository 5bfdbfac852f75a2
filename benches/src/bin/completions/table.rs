//! The table, as text.

use crate::case::Case;
use aside_benches::results::Results;
use aside_benches::text::{align, cell, range};

const COLUMNS: [(&str, &str); 10] = [
    ("first_ns", "first time"),
    ("p50_us", "p50 µs"),
    ("p99_us", "p99 µs"),
    ("submit_ns", "submit ns/job"),
    ("rings", "rings/job"),
    ("threads", "threads"),
    ("cpu_ns", "CPU ns/job"),
    ("voluntary", "vol. sw/job"),
    ("involuntary", "invol."),
    ("allocations", "allocs/job"),
];

pub(crate) fn of(results: &Results<Case>, cases: &[Case]) -> String {
    let mut rows = vec![vec![String::new(), "ns/job".to_owned(), "min – max".to_owned()]];
    rows[0].extend(COLUMNS.iter().map(|(_, title)| (*title).to_owned()));
    for &case in cases {
        let range = range(results.values(case, "total_ns"));
        let mut row = vec![results.label(case, case.name()), cell(results.median(case, "total_ns")), range];
        row.extend(COLUMNS.iter().map(|(key, _)| cell(results.median(case, key))));
        rows.push(row);
    }
    align(&rows)
}
