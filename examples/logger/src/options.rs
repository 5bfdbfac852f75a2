//! What the command line asks for.

use crate::input::Input;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Usage: logger [FILE | -]
       logger --check

Writes lines to stdout, by turns directly, through a BufWriter, with tracing-appender and with
`aside`, and shows on stderr what a record cost the thread that logged it.

  FILE      log the lines of this file; - is stdin. Without it: 200,000 lines from 4 threads
  --check   write into a pipe and a temporary file instead, read both back, and verify every line
  --help    this text

Exit code: 0, also when the reader of stdout closes it; 1 if writing or a check failed; 2 if the
arguments or the input are at fault.
";

pub(crate) enum Options {
    Help,
    Check,
    Log(Source),
}

/// Where the lines come from.
pub(crate) enum Source {
    Own,
    Stdin,
    File(PathBuf),
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut check = false;
        let mut only_paths = false;
        let mut source = None;
        for argument in arguments {
            let text = argument.to_str().filter(|_| !only_paths);
            let found = match text {
                Some("--help" | "-h") => return Ok(Options::Help),
                Some("--check") => {
                    check = true;
                    continue;
                }
                Some("--") => {
                    only_paths = true;
                    continue;
                }
                Some("-") => Source::Stdin,
                Some(option) if option.starts_with('-') => return Err(format!("no such option: {option}")),
                _ => Source::File(argument.into()),
            };
            if source.replace(found).is_some() {
                return Err("more than one input".to_owned());
            }
        }
        match (check, source) {
            (true, Some(_)) => Err("--check makes its own lines and takes no input".to_owned()),
            (true, None) => Ok(Options::Check),
            (false, source) => Ok(Options::Log(source.unwrap_or(Source::Own))),
        }
    }
}

impl Source {
    /// The input to read from, if there is one, and it is not what is being written to.
    pub(crate) fn open(&self, output: &File) -> Result<Option<Input>, String> {
        match self {
            Source::Own => Ok(None),
            Source::Stdin => Ok(Some(Input::stdin())),
            Source::File(path) => Input::open(path, output).map(Some),
        }
    }
}
