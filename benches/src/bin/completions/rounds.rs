//! Runs the children, round by round, and shows what they found.

use crate::args::Options;
use crate::bars;
use crate::case::Case;
use crate::table;
use aside_benches::child;
use aside_benches::figures::Figures;
use aside_benches::results::Results;
use std::process::ExitCode;

pub(crate) fn run(options: &Options) -> ExitCode {
    let mut results = Results::default();
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        let mut cases = options.cases.clone();
        // Every other round backwards, so that no case always has the same one before it.
        if round % 2 == 1 {
            cases.reverse();
        }
        for case in cases {
            results.add(case, measure(case, options.quick));
        }
    }
    print!("{}\n{}", table::of(&results, &options.cases), bars::of(&results));
    if results.any_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn measure(case: Case, quick: bool) -> Option<Figures> {
    let mut command = child::command();
    command.args(["--child", case.name()]).args(quick.then_some("--quick"));
    child::measure(command, case.name())
}
