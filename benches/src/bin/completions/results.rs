//! All that was measured.

use crate::case::Case;
use aside_benches::figures::{Figures, median};
use aside_benches::text::{align, number};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Results {
    /// One value per round, by case and key.
    values: BTreeMap<(Case, String), Vec<f64>>,
    failures: BTreeMap<Case, usize>,
}

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

impl Results {
    /// `None` if the child failed.
    pub(crate) fn add(&mut self, case: Case, figures: Option<Figures>) {
        match figures {
            Some(figures) => figures
                .into_iter()
                .for_each(|(key, value)| self.values.entry((case, key)).or_default().push(value)),
            None => *self.failures.entry(case).or_default() += 1,
        }
    }

    fn values(&self, case: Case, key: &str) -> &[f64] {
        self.values.get(&(case, key.to_owned())).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn median(&self, case: Case, key: &str) -> Option<f64> {
        median(self.values(case, key))
    }

    pub(crate) fn any_failure(&self) -> bool {
        !self.failures.is_empty()
    }

    pub(crate) fn table(&self, cases: &[Case]) -> String {
        let mut rows = vec![vec![String::new(), "ns/job".to_owned(), "min – max".to_owned()]];
        rows[0].extend(COLUMNS.iter().map(|(_, title)| (*title).to_owned()));
        for &case in cases {
            let values = self.values(case, "total_ns");
            let extreme = |pick: fn(f64, f64) -> f64| cell(values.iter().copied().reduce(pick));
            let range = format!("{} – {}", extreme(f64::min), extreme(f64::max));
            let mut label = case.name().to_owned();
            if let Some(times) = self.failures.get(&case) {
                label.push_str(&format!(" (FAILED {times} ×)"));
            }
            let mut row = vec![label, cell(median(values)), range];
            row.extend(COLUMNS.iter().map(|(key, _)| cell(self.median(case, key))));
            rows.push(row);
        }
        align(&rows)
    }
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "·".to_owned(), number)
}
