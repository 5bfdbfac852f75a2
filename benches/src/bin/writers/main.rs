//! Measures log writers against each other. See `benches/README.md`.

mod args;
mod bars;
mod case;
mod child;
mod rounds;
mod section;
mod sink;
mod table;
mod workload;
mod writer;

use args::Task;
use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
compile_error!("the harness reads /proc");

fn main() -> ExitCode {
    match args::parse() {
        Ok(Task::Help) => print!("{}", args::HELP),
        Ok(Task::Measure(options)) => return rounds::run(&options),
        Ok(Task::Child(order)) => child::run(&order),
        Err(error) => {
            eprintln!("writers: {error}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
