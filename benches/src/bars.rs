//! What aside is held to, as a table.

use crate::text::{align, number};

#[derive(Clone, Copy)]
pub enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

pub struct Bar {
    pub name: String,
    pub value: f64,
    pub limit: Limit,
}

impl Bar {
    pub fn at_most(name: impl Into<String>, value: f64, limit: f64) -> Self {
        Self { name: name.into(), value, limit: Limit::AtMost(limit) }
    }

    pub fn at_least(name: impl Into<String>, value: f64, limit: f64) -> Self {
        Self { name: name.into(), value, limit: Limit::AtLeast(limit) }
    }

    fn row(self) -> Vec<String> {
        let (sign, limit, is_met) = match self.limit {
            Limit::AtMost(limit) => ('≤', limit, self.value <= limit),
            Limit::AtLeast(limit) => ('≥', limit, self.value >= limit),
        };
        let verdict = if is_met { "met" } else { "NOT MET" };
        vec![self.name, number(self.value), format!("{sign} {}", number(limit)), verdict.to_owned()]
    }
}

/// The bars that the run has figures for. Empty if for none.
pub fn table(bars: impl IntoIterator<Item = Option<Bar>>) -> String {
    let mut rows = vec![["bar", "is", "held to", ""].map(str::to_owned).to_vec()];
    rows.extend(bars.into_iter().flatten().map(Bar::row));
    if rows.len() == 1 { String::new() } else { align(&rows) }
}
