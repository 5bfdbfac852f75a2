//! Measures callbacks on the thread that asked for them against futures of the same jobs. See `benches/README.md`.

mod args;
mod bars;
mod case;
mod child;
mod event_loop;
mod rounds;
mod table;

use args::Task;
use aside_benches::program;
use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
compile_error!("the harness reads /proc and waits with epoll");

fn main() -> ExitCode {
    program::main("completions", args::HELP, args::parse(), |task| match task {
        Task::Measure(options) => rounds::run(&options),
        Task::Child { case, quick } => child::run(case, quick),
    })
}
