//! The command line.

use crate::case::Case;
use crate::child::Order;
use lexopt::Arg::{Long, Short};
use lexopt::prelude::*;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
io: measures lanes, and readers and writers over them

  --rounds N         how often each is measured; medians are shown (default 7; 1 with --quick)
  --quick            tiny counts and files: shows that the harness works, and no more
  --only a,b         cases that begin so: flood spread idle read write stdout, or read-aside ...
  --json             every value of every round, as JSON
";

pub(crate) enum Task {
    Help,
    Measure(Options),
    /// One measurement in this process, for a parent that runs the rounds.
    Child(Order),
    /// The process whose standard output a child reads.
    Writer {
        case: Case,
        quick: bool,
    },
}

pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) json: bool,
    pub(crate) cases: Vec<Case>,
}

pub(crate) fn parse() -> Result<Task, lexopt::Error> {
    let (mut rounds, mut quick, mut json) = (None, false, false);
    let (mut child, mut writer, mut input) = (None, None, PathBuf::new());
    let mut cases = Case::ALL.to_vec();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("rounds") => rounds = Some(parser.value()?.parse::<usize>()?.max(1)),
            Long("quick") => quick = true,
            Long("json") => json = true,
            Long("only") => {
                let names = parser.value()?.string()?;
                cases.retain(|case| names.split(',').any(|name| case.name().starts_with(name.trim())));
                if cases.is_empty() {
                    return Err(format!("no case begins so: {names}").into());
                }
            }
            Long("child") => child = Some(case(&mut parser)?),
            Long("input") => input = parser.value()?.into(),
            Long("writer") => writer = Some(case(&mut parser)?),
            Short('h') | Long("help") => return Ok(Task::Help),
            other => return Err(other.unexpected()),
        }
    }
    if let Some(case) = writer {
        return Ok(Task::Writer { case, quick });
    }
    if let Some(case) = child {
        return Ok(Task::Child(Order { case, quick, input }));
    }
    Ok(Task::Measure(Options { rounds: rounds.unwrap_or(if quick { 1 } else { 7 }), quick, json, cases }))
}

fn case(parser: &mut lexopt::Parser) -> Result<Case, lexopt::Error> {
    parser.value()?.parse_with(|name| Case::named(name).ok_or("there is no such case"))
}
