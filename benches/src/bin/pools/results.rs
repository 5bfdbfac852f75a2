//! All that was measured.

use crate::figures::{Figures, median};
use crate::peer::Peer;
use crate::workload::Workload;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Results(Vec<Row>);

/// One peer at one workload.
struct Row {
    workload: Workload,
    peer: Peer,
    /// One value per round.
    values: BTreeMap<String, Vec<f64>>,
    failures: usize,
}

impl Results {
    /// `None` if the child failed.
    pub(crate) fn add(&mut self, workload: Workload, peer: Peer, figures: Option<Figures>) {
        let row = match self.0.iter().position(|row| row.workload == workload && row.peer == peer) {
            Some(index) => &mut self.0[index],
            None => {
                self.0.push(Row { workload, peer, values: BTreeMap::new(), failures: 0 });
                self.0.last_mut().expect("just pushed")
            }
        };
        match figures {
            Some(figures) => {
                figures.into_iter().for_each(|(key, value)| row.values.entry(key).or_default().push(value))
            }
            None => row.failures += 1,
        }
    }

    fn row(&self, workload: Workload, peer: Peer) -> Option<&Row> {
        self.0.iter().find(|row| row.workload == workload && row.peer == peer)
    }

    pub(crate) fn values(&self, workload: Workload, peer: Peer, key: &str) -> &[f64] {
        self.row(workload, peer).and_then(|row| row.values.get(key)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn median(&self, workload: Workload, peer: Peer, key: &str) -> Option<f64> {
        median(self.values(workload, peer, key))
    }

    pub(crate) fn failures(&self, workload: Workload, peer: Peer) -> usize {
        self.row(workload, peer).map_or(0, |row| row.failures)
    }

    pub(crate) fn any_failure(&self) -> bool {
        self.0.iter().any(|row| row.failures > 0)
    }

    pub(crate) fn to_json(&self) -> Value {
        let rows = self.0.iter().map(|row| {
            let figures: Map<_, _> = row
                .values
                .iter()
                .map(|(key, values)| (key.clone(), json!({ "median": median(values), "rounds": values })))
                .collect();
            json!({
                "workload": row.workload.name(),
                "peer": row.peer.name(),
                "failures": row.failures,
                "figures": figures,
            })
        });
        Value::Array(rows.collect())
    }
}
