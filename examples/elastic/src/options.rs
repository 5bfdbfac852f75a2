//! What the command line asks for.

use lexopt::{Arg, Parser, ValueExt};
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Usage: elastic [--quick] [--per-queued N] [--svg PATH]

Gives the same load to two groups, one that brings threads when its queue stalls (the default) and one
that brings a thread for every N jobs, and shows queue, threads and time in queue.

  --quick          all of it in less than 3 s, with shorter phases
  --per-queued N   jobs per thread of the second group; 10 by default
  --svg PATH       where to write the picture; target/elastic.svg by default
  --help           this text

Exit code: 0 if both groups did all jobs and shrank to their minimum of threads; 1 if not, or if the
picture cannot be written; 2 if the arguments are at fault.
";

pub(crate) enum Options {
    Help,
    Show(Settings),
}

pub(crate) struct Settings {
    pub(crate) quick: bool,
    pub(crate) per_queued: usize,
    pub(crate) svg: PathBuf,
}

impl Options {
    pub(crate) fn parse(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let mut settings =
            Settings { quick: false, per_queued: 10, svg: PathBuf::from("target/elastic.svg") };
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("quick") => settings.quick = true,
                Arg::Long("per-queued") => settings.per_queued = parser.value()?.parse()?,
                Arg::Long("svg") => settings.svg = parser.value()?.into(),
                Arg::Long("help") | Arg::Short('h') => return Ok(Options::Help),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(Options::Show(settings))
    }
}
