//! All that was measured: by case and key, one value per round.

use crate::figures::{Figures, median};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub struct Results<K> {
    values: BTreeMap<K, BTreeMap<String, Vec<f64>>>,
    failures: BTreeMap<K, usize>,
}

impl<K> Default for Results<K> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), failures: BTreeMap::new() }
    }
}

impl<K: Copy + Ord> Results<K> {
    /// `None` if the child failed.
    pub fn add(&mut self, case: K, figures: Option<Figures>) {
        match figures {
            Some(figures) => {
                let values = self.values.entry(case).or_default();
                figures.into_iter().for_each(|(key, value)| values.entry(key).or_default().push(value));
            }
            None => *self.failures.entry(case).or_default() += 1,
        }
    }

    pub fn values(&self, case: K, key: &str) -> &[f64] {
        self.values.get(&case).and_then(|values| values.get(key)).map_or(&[], Vec::as_slice)
    }

    pub fn median(&self, case: K, key: &str) -> Option<f64> {
        median(self.values(case, key))
    }

    pub fn any_failure(&self) -> bool {
        !self.failures.is_empty()
    }

    /// A name as it stands in a table, with a word on failures.
    pub fn label(&self, case: K, name: &str) -> String {
        match self.failures.get(&case) {
            Some(times) => format!("{name} (FAILED {times} ×)"),
            None => name.to_owned(),
        }
    }

    /// A list with an object for each case. `name` gives what tells it from the others.
    pub fn to_json(&self, name: impl Fn(K) -> Value) -> Value {
        let figures = |case: &K| {
            let values = self.values.get(case).into_iter().flatten();
            values
                .map(|(key, values)| (key.clone(), json!({ "median": median(values), "rounds": values })))
                .collect::<serde_json::Map<_, _>>()
        };
        let mut cases: Vec<_> = self.values.keys().chain(self.failures.keys()).copied().collect();
        cases.sort_unstable();
        cases.dedup();
        let rows = cases.iter().map(|case| {
            let mut row = name(*case);
            row["failures"] = self.failures.get(case).copied().unwrap_or(0).into();
            row["figures"] = figures(case).into();
            row
        });
        Value::Array(rows.collect())
    }
}
