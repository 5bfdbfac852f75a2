//! The command line.

use crate::case::Case;
use lexopt::Arg::{Long, Short};
use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
completions: measures callbacks on one thread against futures

  --rounds N         how often each is measured; medians are shown (default 7; 1 with --quick)
  --quick            tiny counts: shows that the harness works, and no more
  --only a,b         cases that begin so: flood window trip ready, or flood-epoll ...
";

pub(crate) enum Task {
    Help,
    Measure(Options),
    /// One measurement in this process, for a parent that runs the rounds.
    Child {
        case: Case,
        quick: bool,
    },
}

pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) cases: Vec<Case>,
}

pub(crate) fn parse() -> Result<Task, lexopt::Error> {
    let (mut rounds, mut quick, mut child) = (None, false, None);
    let mut cases = Case::ALL.to_vec();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("rounds") => rounds = Some(parser.value()?.parse::<usize>()?.max(1)),
            Long("quick") => quick = true,
            Long("only") => {
                let names = parser.value()?.string()?;
                cases.retain(|case| names.split(',').any(|name| case.name().starts_with(name.trim())));
                if cases.is_empty() {
                    return Err(format!("no case begins so: {names}").into());
                }
            }
            Long("child") => {
                child = Some(
                    parser.value()?.parse_with(|name| Case::named(name).ok_or("there is no such case"))?,
                );
            }
            Short('h') | Long("help") => return Ok(Task::Help),
            other => return Err(other.unexpected()),
        }
    }
    if let Some(case) = child {
        return Ok(Task::Child { case, quick });
    }
    Ok(Task::Measure(Options { rounds: rounds.unwrap_or(if quick { 1 } else { 7 }), quick, cases }))
}
