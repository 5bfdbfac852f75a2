//! What the command lines of the benchmark programs have in common.

use lexopt::Arg::{Long, Short};
use lexopt::prelude::*;
use lexopt::{Error, Parser};
use std::process::ExitCode;

/// What every program understands.
#[derive(Default)]
pub struct Scale {
    rounds: Option<usize>,
    pub quick: bool,
}

impl Scale {
    /// How often each is measured. `usual` is for a run that is not quick.
    pub fn rounds(&self, usual: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { usual })
    }
}

/// Shows the help, or runs the program.
pub fn main<T>(
    name: &str,
    help: &str,
    task: Result<Option<T>, Error>,
    run: impl FnOnce(T) -> ExitCode,
) -> ExitCode {
    match task {
        Ok(Some(task)) => run(task),
        Ok(None) => {
            print!("{help}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{name}: {error}\n\n{help}");
            ExitCode::from(2)
        }
    }
}

/// Reads the command line. `own` is given the names of options that not every program has, and says whether this one has it. `None` if help is asked for.
pub fn parse(mut own: impl FnMut(&str, &mut Parser) -> Result<bool, Error>) -> Result<Option<Scale>, Error> {
    let mut scale = Scale::default();
    let mut parser = Parser::from_env();
    while let Some(arg) = parser.next()? {
        let name = match arg {
            Long(name) => name.to_owned(),
            Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        };
        match &*name {
            "rounds" => scale.rounds = Some(parser.value()?.parse::<usize>()?.max(1)),
            "quick" => scale.quick = true,
            "help" => return Ok(None),
            name if own(name, &mut parser)? => {}
            name => return Err(Long(name).unexpected()),
        }
    }
    Ok(Some(scale))
}

/// The next argument is a name.
pub fn one<T>(parser: &mut Parser, named: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
    parser.value()?.parse_with(|name| named(name).ok_or_else(|| format!("no such thing: {name}")))
}

/// The next argument is names, divided by commas. Keeps what one of them means.
pub fn keep<T>(all: &mut Vec<T>, parser: &mut Parser, means: impl Fn(&str, &T) -> bool) -> Result<(), Error> {
    let names = parser.value()?.string()?;
    all.retain(|one| names.split(',').any(|name| means(name.trim(), one)));
    if all.is_empty() { Err(format!("no such thing: {names}").into()) } else { Ok(()) }
}
