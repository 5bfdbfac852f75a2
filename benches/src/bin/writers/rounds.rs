//! Runs the children, round by round, and shows what they found.

use crate::args::Options;
use crate::case::Case;
use crate::workload::Workload;
use crate::{bars, table};
use aside_benches::child;
use aside_benches::figures::Figures;
use aside_benches::results::Results;
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

pub(crate) fn run(options: &Options) -> ExitCode {
    let mut results = Results::default();
    let (idle, busy): (Vec<Case>, Vec<Case>) =
        options.cases.iter().partition(|case| case.workload == Workload::Idle);
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        let mut cases = busy.clone();
        // Every other round backwards, so that no case always has the same one before it.
        if round % 2 == 1 {
            cases.reverse();
        }
        for case in cases {
            results.add(case, measure(case, options.quick));
        }
        add_idle(&idle, options.quick, &mut results);
    }
    let text = if options.json { all(options, &results) } else { tables(options, &results) };
    // Whoever reads may have read enough.
    let _ = io::stdout().write_all(text.as_bytes());
    if results.any_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// All at a time, as only what is left counts.
fn add_idle(cases: &[Case], quick: bool, results: &mut Results<Case>) {
    thread::scope(|scope| {
        let children: Vec<_> =
            cases.iter().map(|&case| (case, scope.spawn(move || measure(case, quick)))).collect();
        for (case, child) in children {
            results.add(case, child.join().expect("does not panic"));
        }
    });
}

fn measure(case: Case, quick: bool) -> Option<Figures> {
    let mut command = child::command();
    command.args(["--child", &case.name()]).args(quick.then_some("--quick"));
    child::measure(command, &case.name())
}

fn all(options: &Options, results: &Results<Case>) -> String {
    let rows = results.to_json(|case| {
        json!({ "workload": case.workload.name(), "writer": case.writer.name(), "sink": case.sink.name() })
    });
    let all = json!({ "rounds": options.rounds, "quick": options.quick, "rows": rows });
    format!("{all:#}\n")
}

fn tables(options: &Options, results: &Results<Case>) -> String {
    let table = table::of(results, &options.cases);
    if options.quick {
        return format!("A quick run: the figures say nothing.\n\n{table}");
    }
    format!("{table}\n{}", bars::of(results))
}
