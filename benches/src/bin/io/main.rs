//! Measures lanes against their group, and readers and writers over a lane against those of others. See `benches/README.md`.

mod args;
mod bars;
mod case;
mod child;
mod rounds;
mod section;
mod table;

use args::Task;
use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
compile_error!("the harness reads /proc");

fn main() -> ExitCode {
    match args::parse() {
        Ok(Task::Help) => print!("{}", args::HELP),
        Ok(Task::Measure(options)) => return rounds::run(&options),
        Ok(Task::Child(order)) => child::run(&order),
        Ok(Task::Writer { case, quick }) => case::stdout::write(case, quick),
        Err(error) => {
            eprintln!("io: {error}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
