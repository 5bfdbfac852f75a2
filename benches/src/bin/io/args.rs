//! The command line.

use crate::case::Case;
use crate::child::Order;
use aside_benches::program;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
io: measures lanes, and readers and writers over them

  --rounds N         how often each is measured; medians are shown (default 7; 1 with --quick)
  --quick            tiny counts and files: shows that the harness works, and no more
  --only a,b         cases that begin so: flood spread idle read write stdout, or read-aside ...
  --json             every value of every round, as JSON
";

pub(crate) enum Task {
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

/// `None` if help is asked for.
pub(crate) fn parse() -> Result<Option<Task>, lexopt::Error> {
    let (mut cases, mut json) = (Case::ALL.to_vec(), false);
    let (mut child, mut writer, mut input) = (None, None, PathBuf::new());
    let scale = program::parse(|name, parser| {
        match name {
            "json" => json = true,
            "only" => program::keep(&mut cases, parser, |name, case| case.name().starts_with(name))?,
            "child" => child = Some(program::one(parser, Case::named)?),
            "input" => input = parser.value()?.into(),
            "writer" => writer = Some(program::one(parser, Case::named)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(scale.map(|scale| match (writer, child) {
        (Some(case), _) => Task::Writer { case, quick: scale.quick },
        (None, Some(case)) => Task::Child(Order { case, quick: scale.quick, input }),
        (None, None) => Task::Measure(Options { rounds: scale.rounds(7), quick: scale.quick, json, cases }),
    }))
}
