//! What the command line asks for.

use lexopt::{Arg, Parser, ValueExt};
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Usage: sqlite [--crashes N] [--acks N]

Has a worker process commit transactions to a SQLite database, kills it in the middle, and looks whether
all that the worker had acknowledged is there, and nothing by halves.

  --crashes N      how often; 3 by default
  --acks N         how many transactions are acknowledged before the worker is killed; 300 by default
  --worker PATH    be the worker: commit to this database until killed, or until nobody reads the
                   acknowledgements on stdout
  --help           this text

Exit code: 0 if nothing was lost; 1 if something was, or could not be done; 2 if the arguments are at fault.
";

pub(crate) enum Options {
    Help,
    Work(PathBuf),
    Show(Settings),
}

pub(crate) struct Settings {
    pub(crate) crashes: usize,
    pub(crate) acks: usize,
}

impl Options {
    pub(crate) fn parse(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let mut settings = Settings { crashes: 3, acks: 300 };
        let mut work = None;
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("crashes") => settings.crashes = parser.value()?.parse()?,
                Arg::Long("acks") => settings.acks = parser.value()?.parse()?,
                Arg::Long("worker") => work = Some(PathBuf::from(parser.value()?)),
                Arg::Long("help") | Arg::Short('h') => return Ok(Options::Help),
                _ => return Err(argument.unexpected()),
            }
        }
        if settings.acks == 0 {
            return Err("--acks 0: there would be nothing to lose".into());
        }
        Ok(work.map_or(Options::Show(settings), Options::Work))
    }
}
