//! One workload's table, as text.

use crate::peer::Peer;
use crate::workload::{Column, Workload};
use aside_benches::results::Results;
use aside_benches::text::{align, cell, range};

const COMMON: [Column; 5] = [
    Column { key: "threads", title: "threads" },
    Column { key: "cpu_ns", title: "CPU ns/job" },
    Column { key: "voluntary", title: "vol. sw/job" },
    Column { key: "involuntary", title: "invol." },
    Column { key: "allocations", title: "allocs/job" },
];
const AFTERMATH: [Column; 2] = [
    Column { key: "threads_later", title: "threads 12 s later" },
    Column { key: "switches_later", title: "switches in 2 s" },
];

pub(crate) fn of(
    workload: Workload,
    peers: &[Peer],
    results: &Results<(Workload, Peer)>,
    quick: bool,
    idle: bool,
) -> String {
    let (main, more) = workload.columns().split_first().expect("has columns");
    let mut columns: Vec<&Column> = more.iter().chain(&COMMON).collect();
    if idle {
        columns.extend(&AFTERMATH);
    }
    let mut head: Vec<String> =
        vec![String::new(), main.title.to_owned(), "min – max".to_owned(), "÷ aside".to_owned()];
    head.extend(columns.iter().map(|column| column.title.to_owned()));
    let mut rows = vec![head];
    let ours = results.median((workload, Peer::Aside), main.key);
    for &peer in peers {
        let median = |key: &str| results.median((workload, peer), key);
        let own = median(main.key);
        let label = results.label((workload, peer), &peer.label(workload));
        let ratio = own.zip(ours).map(|(own, ours)| own / ours);
        let mut row = vec![label, cell(own), range(results.values((workload, peer), main.key)), cell(ratio)];
        row.extend(columns.iter().map(|column| cell(median(column.key))));
        rows.push(row);
    }
    format!("{} — {}\n{}", workload.name(), workload.title(quick), align(&rows))
}
