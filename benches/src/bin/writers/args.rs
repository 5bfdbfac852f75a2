//! The command line.

use crate::case::Case;
use crate::child::Order;
use lexopt::Arg::{Long, Short};
use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
writers: measures log writers against each other

  --rounds N         how often each is measured; medians are shown (default 3; 1 with --quick)
  --quick            tiny counts, under 40 s: shows that the harness works, and no more
  --only a,b         cases that begin so: paced flood burst drained drained4 calls first latency idle events events4,
                     or drained-aside, or flood-mutex-file ...
  --writers a,b      these writers: limit limit-ring aside aside-perthread tracing-appender mutex channel direct unblock
  --json             every value of every round, as JSON
";

pub(crate) enum Task {
    Help,
    Measure(Options),
    /// One measurement in this process, for a parent that runs the rounds.
    Child(Order),
}

pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) json: bool,
    pub(crate) cases: Vec<Case>,
}

pub(crate) fn parse() -> Result<Task, lexopt::Error> {
    let (mut rounds, mut quick, mut json, mut child) = (None, false, false, None);
    let mut cases = Case::all();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("rounds") => rounds = Some(parser.value()?.parse::<usize>()?.max(1)),
            Long("quick") => quick = true,
            Long("json") => json = true,
            Long("only") => {
                let names = parser.value()?.string()?;
                // Up to a dash: `drained` is not meant to bring `drained4`.
                let is_meant = |case: &Case, name: &str| {
                    case.name()
                        .strip_prefix(name)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
                };
                cases.retain(|case| names.split(',').any(|name| is_meant(case, name.trim())));
                if cases.is_empty() {
                    return Err(format!("no case begins so: {names}").into());
                }
            }
            Long("writers") => {
                let names = parser.value()?.string()?;
                cases.retain(|case| names.split(',').any(|name| case.writer.name() == name.trim()));
                if cases.is_empty() {
                    return Err(format!("no such writers: {names}").into());
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
        return Ok(Task::Child(Order { case, quick }));
    }
    Ok(Task::Measure(Options { rounds: rounds.unwrap_or(if quick { 1 } else { 3 }), quick, json, cases }))
}
