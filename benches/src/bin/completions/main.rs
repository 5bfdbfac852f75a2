//! Measures callbacks on the thread that asked for them against futures of the same jobs. See `benches/README.md`.

mod args;
mod bars;
mod case;
mod child;
mod event_loop;
mod rounds;
mod table;

use args::Task;
use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
compile_error!("the harness reads /proc and waits with epoll");

fn main() -> ExitCode {
    match args::parse() {
        Ok(Task::Help) => print!("{}", args::HELP),
        Ok(Task::Measure(options)) => return rounds::run(&options),
        Ok(Task::Child { case, quick }) => child::run(case, quick),
        Err(error) => {
            eprintln!("completions: {error}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
