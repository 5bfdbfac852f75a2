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
use aside_benches::{alloc, figures, meter, program, threads};
use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
compile_error!("the harness reads /proc");

fn main() -> ExitCode {
    program::main("pools", args::HELP, args::parse(), |task| match task {
        Task::Measure(options) => rounds::run(&options),
        Task::Child(order) => child::run(&order),
    })
}
