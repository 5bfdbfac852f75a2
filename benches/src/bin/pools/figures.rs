//! What one measurement yields: named numbers.

use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Figures(BTreeMap<String, f64>);

impl Figures {
    pub(crate) fn set(&mut self, key: &str, value: f64) {
        self.0.insert(key.to_owned(), value);
    }

    pub(crate) fn get(&self, key: &str) -> Option<f64> {
        self.0.get(key).copied()
    }

    /// One line.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("a map of numbers")
    }

    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let Value::Object(map) = serde_json::from_str(text).ok()? else { return None };
        map.into_iter().map(|(key, value)| Some((key, value.as_f64()?))).collect::<Option<_>>().map(Self)
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = (String, f64)> {
        self.0.into_iter()
    }
}
