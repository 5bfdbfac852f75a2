//! Measures offload pools against each other. See `benches/README.md`.

mod args;
mod bars;
mod child;
mod limit;
mod peer;
mod pool;
mod rounds;
mod table;
mod workload;

use args::Task;
use aside_benches::{alloc, figures, meter, threads};
use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
compile_error!("the harness reads /proc");

fn main() -> ExitCode {
    match args::parse() {
        Ok(Task::Help) => print!("{}", args::HELP),
        Ok(Task::Measure(options)) => return rounds::run(&options),
        Ok(Task::Child(order)) => child::run(&order),
        Err(error) => {
            eprintln!("pools: {error}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
