//! The command line.

use crate::case::Case;
use aside_benches::program;

pub(crate) const HELP: &str = "\
completions: measures callbacks on one thread against futures

  --rounds N         how often each is measured; medians are shown (default 7; 1 with --quick)
  --quick            tiny counts: shows that the harness works, and no more
  --only a,b         cases that begin so: flood window trip ready, or flood-epoll ...
";

pub(crate) enum Task {
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

/// `None` if help is asked for.
pub(crate) fn parse() -> Result<Option<Task>, lexopt::Error> {
    let (mut cases, mut child) = (Case::ALL.to_vec(), None);
    let scale = program::parse(|name, parser| {
        match name {
            "only" => program::keep(&mut cases, parser, |name, case| case.name().starts_with(name))?,
            "child" => child = Some(program::one(parser, Case::named)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(scale.map(|scale| match child {
        Some(case) => Task::Child { case, quick: scale.quick },
        None => Task::Measure(Options { rounds: scale.rounds(7), quick: scale.quick, cases }),
    }))
}
