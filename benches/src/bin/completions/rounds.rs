//! Runs the children, round by round, and shows what they found.

use crate::args::Options;
use crate::bars;
use crate::case::Case;
use crate::results::Results;
use aside_benches::figures::Figures;
use std::process::{Command, ExitCode, Stdio};

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
    print!("{}\n{}", results.table(&options.cases), bars::of(&results));
    if results.any_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn measure(case: Case, quick: bool) -> Option<Figures> {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--child", case.name()]).args(quick.then_some("--quick")).stderr(Stdio::inherit());
    let output = command.output().expect("this program can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = output.status.success().then(|| Figures::from_json(text.trim())).flatten();
    if figures.is_none() {
        eprintln!("{} failed: {}", case.name(), output.status);
    }
    figures
}
