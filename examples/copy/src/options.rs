//! What the command line asks for.

use lexopt::{Arg, Parser, ValueExt};
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Usage: copy FROM TO
       copy [--size MIB]

Copies what is in FROM to TO, which is made, or emptied first; `-` is stdin or stdout. Without them it copies
a temporary file, also as the standard library does, and compares bytes and times.

  --size MIB       how large that file is; 256 by default
  --help           this text

Exit code: 0 if all was copied; 1 if not; 2 if the arguments are at fault.
";

pub(crate) enum Options {
    Help,
    Copy { from: PathBuf, to: PathBuf },
    Demonstrate { megabytes: usize },
}

impl Options {
    pub(crate) fn parse(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let mut megabytes = None;
        let mut paths = Vec::new();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("size") => megabytes = Some(parser.value()?.parse()?),
                Arg::Long("help") | Arg::Short('h') => return Ok(Options::Help),
                Arg::Value(path) => paths.push(PathBuf::from(path)),
                _ => return Err(argument.unexpected()),
            }
        }
        match (paths.as_slice(), megabytes) {
            ([], megabytes) => Ok(Options::Demonstrate { megabytes: megabytes.unwrap_or(256) }),
            ([from, to], None) => Ok(Options::Copy { from: from.clone(), to: to.clone() }),
            (_, Some(_)) => Err("--size is for the demonstration, which takes no paths".into()),
            (_, None) => Err("from where to where? It takes two paths".into()),
        }
    }
}
