//! The command line.

use crate::case::Case;
use crate::child::Order;
use aside_benches::program;

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

/// `None` if help is asked for.
pub(crate) fn parse() -> Result<Option<Task>, lexopt::Error> {
    let (mut cases, mut child, mut json) = (Case::all(), None, false);
    let scale = program::parse(|name, parser| {
        match name {
            "json" => json = true,
            // Up to a dash: `drained` is not meant to bring `drained4`.
            "only" => program::keep(&mut cases, parser, |name, case| {
                case.name().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            })?,
            "writers" => program::keep(&mut cases, parser, |name, case| case.writer.name() == name)?,
            "child" => child = Some(program::one(parser, Case::named)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(scale.map(|scale| match child {
        Some(case) => Task::Child(Order { case, quick: scale.quick }),
        None => Task::Measure(Options { rounds: scale.rounds(3), quick: scale.quick, json, cases }),
    }))
}
