//! The table, as text.

use crate::case::Case;
use crate::section::Section;
use aside_benches::results::Results;
use aside_benches::text::{align, cell, range};

pub(crate) fn of(results: &Results<Case>, cases: &[Case], quick: bool) -> String {
    let mut rows = Vec::new();
    for section in Section::ALL {
        let cases: Vec<_> = section.cases().filter(|case| cases.contains(case)).collect();
        if cases.is_empty() {
            continue;
        }
        if !rows.is_empty() {
            rows.push(Vec::new());
        }
        let (main, more) = section.columns().split_first().expect("has columns");
        let mut head = vec![section.title(quick), main.1.to_owned(), "min – max".to_owned()];
        head.extend(more.iter().map(|(_, title)| (*title).to_owned()));
        rows.push(head);
        for case in cases {
            let label = results.label(case, &format!("  {}", case.name()));
            let mut row =
                vec![label, cell(results.median(case, main.0)), range(results.values(case, main.0))];
            row.extend(more.iter().map(|(key, _)| cell(results.median(case, key))));
            rows.push(row);
        }
    }
    align(&rows)
}
