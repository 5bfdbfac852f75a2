//! Runs the children, round by round, and shows what they found.

use crate::args::Options;
use crate::case::Case;
use crate::case::read::Input;
use crate::section::Section;
use crate::{bars, table};
use aside_benches::child;
use aside_benches::figures::Figures;
use aside_benches::results::Results;
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;

pub(crate) fn run(options: &Options) -> ExitCode {
    let reads = options.cases.iter().any(|case| case.section() == Section::Read);
    let input = reads.then(|| Input::make(Case::ReadStd.size(options.quick)));
    let mut results = Results::default();
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        let mut cases = options.cases.clone();
        // Every other round backwards, so that no case always has the same one before it.
        if round % 2 == 1 {
            cases.reverse();
        }
        for case in cases {
            results.add(case, measure(case, options.quick, input.as_ref()));
        }
    }
    let text = if options.json { all(options, &results) } else { tables(options, &results) };
    // Whoever reads may have read enough.
    let _ = io::stdout().write_all(text.as_bytes());
    if results.any_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn measure(case: Case, quick: bool, input: Option<&Input>) -> Option<Figures> {
    let mut command = child::command();
    command.args(["--child", case.name()]).args(quick.then_some("--quick"));
    if let Some(input) = input {
        command.arg("--input").arg(input.path());
    }
    child::measure(command, case.name())
}

fn all(options: &Options, results: &Results<Case>) -> String {
    let rows = results.to_json(|case| json!({ "case": case.name() }));
    let all = json!({ "rounds": options.rounds, "quick": options.quick, "rows": rows });
    format!("{all:#}\n")
}

fn tables(options: &Options, results: &Results<Case>) -> String {
    let table = table::of(results, &options.cases, options.quick);
    if options.quick {
        return format!("A quick run: the figures say nothing.\n\n{table}");
    }
    format!("{table}\n{}", bars::of(results))
}
