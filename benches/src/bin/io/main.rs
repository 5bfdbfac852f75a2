//! Measures lanes against their group, and readers and writers over a lane against those of others. See `benches/README.md`.

mod args;
mod bars;
mod case;
mod child;
mod rounds;
mod section;
mod table;

use args::Task;
use aside_benches::program;
use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
compile_error!("the harness reads /proc");

fn main() -> ExitCode {
    program::main("io", args::HELP, args::parse(), |task| match task {
        Task::Measure(options) => rounds::run(&options),
        Task::Child(order) => child::run(&order),
        Task::Writer { case, quick } => case::stdout::write(case, quick),
    })
}
