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
use aside_benches::program;
use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
compile_error!("the harness reads /proc");

fn main() -> ExitCode {
    program::main("writers", args::HELP, args::parse(), |task| match task {
        Task::Measure(options) => rounds::run(&options),
        Task::Child(order) => child::run(&order),
    })
}
