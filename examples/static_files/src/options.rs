//! What the command line asks for.

use lexopt::{Arg, Parser, ValueExt};
use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Usage: static_files [FOLDER [--listen ADDRESS]]

Serves the files in FOLDER over HTTP until Ctrl-C. Without it, serves a temporary folder, fetches from it over
several connections at once, and tells how that was.

  --listen ADDRESS  where to listen; 127.0.0.1:8080 by default. With port 0, on any port that is free
  --help            this text

Exit code: 0 if all went well; 1 if not; 2 if the arguments are at fault.
";

pub(crate) enum Options {
    Help,
    Serve { folder: PathBuf, listen: SocketAddr },
    Demonstrate,
}

impl Options {
    pub(crate) fn parse(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let mut folder = None;
        let mut listen = None;
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("listen") => listen = Some(parser.value()?.parse()?),
                Arg::Long("help") | Arg::Short('h') => return Ok(Options::Help),
                Arg::Value(path) if folder.is_none() => folder = Some(PathBuf::from(path)),
                _ => return Err(argument.unexpected()),
            }
        }
        match (folder, listen) {
            (Some(folder), listen) => {
                let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
                Ok(Options::Serve { folder, listen })
            }
            (None, Some(_)) => Err("--listen: and serve what?".into()),
            (None, None) => Ok(Options::Demonstrate),
        }
    }
}
