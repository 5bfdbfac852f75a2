//! The table, as text.

use crate::case::Case;
use crate::section;
use aside_benches::results::Results;
use aside_benches::text::{align, cell, number, range};

pub(crate) fn of(results: &Results<Case>, cases: &[Case]) -> String {
    let mut text = timer(results, cases);
    for section in section::all() {
        let mut columns = section.columns.iter().collect::<Vec<_>>();
        columns.retain(|column| cases.iter().any(|case| case.workload == column.workload));
        let writers = section.writers(cases);
        if columns.is_empty() || writers.is_empty() {
            continue;
        }
        let mut head = vec![section.title.clone()];
        for column in &columns {
            head.push(column.title.to_owned());
            head.extend(column.has_range.then(|| "min – max".to_owned()));
        }
        head.push("lost".to_owned());
        let mut rows = vec![head];
        for writer in writers {
            // A failure in any of the row's cases.
            let mut row = vec![format!("  {}", writer.label())];
            let mut lost: Option<f64> = None;
            for column in &columns {
                let case = section.case(column.workload, writer);
                if !results.label(case, "").is_empty() {
                    row[0] = results.label(case, &format!("  {}", writer.label()));
                }
                row.push(cell(results.median(case, column.key)));
                let values = results.values(case, column.key);
                row.extend(
                    column.has_range.then(|| if values.is_empty() { cell(None) } else { range(values) }),
                );
                // Of any round.
                let worst = results.values(case, "lost").iter().copied().reduce(f64::max);
                lost = lost.into_iter().chain(worst).reduce(f64::max);
            }
            row.push(match lost {
                Some(lost) if lost > 0.0 => format!("LOST {}", number(lost)),
                other => cell(other),
            });
            rows.push(row);
        }
        text.push_str(&align(&rows));
        text.push('\n');
    }
    text
}

/// What is in each time that stands for a call.
fn timer(results: &Results<Case>, cases: &[Case]) -> String {
    let all: Vec<f64> = cases.iter().flat_map(|&case| results.values(case, "timer")).copied().collect();
    match aside_benches::figures::median(&all) {
        Some(own) => format!(
            "The timer's own time, in each time of a call: {} ns ({} in the single processes)\n\n",
            number(own),
            range(&all)
        ),
        None => String::new(),
    }
}
