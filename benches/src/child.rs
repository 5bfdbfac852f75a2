//! Measurements in processes of their own: none finds the caches, the heap or the threads of another.

use crate::figures::Figures;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// What lost a wake-up must not hang the whole run.
const TOO_LONG: Duration = Duration::from_secs(120);
/// Main and the watchdog.
pub const HARNESS_THREADS: usize = 2;

/// Ends this process when it takes too long.
pub fn watch() {
    thread::spawn(|| {
        thread::sleep(TOO_LONG);
        eprintln!("hangs");
        std::process::exit(3);
    });
}

/// Tells the parent. Does not come back: some pools' destructors wait for threads, or for jobs that are blocked on purpose.
pub fn report(figures: &Figures) -> ! {
    println!("{}", figures.to_json());
    std::process::exit(0);
}

/// This program once more, with other arguments.
pub fn command() -> Command {
    Command::new(std::env::current_exe().expect("this program has a path"))
}

/// What a child [reports](report). `None`, and a word on stderr, if it hangs or crashes.
pub fn measure(mut command: Command, name: &str) -> Option<Figures> {
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("this program can be started");
    let figures = str::from_utf8(&output.stdout).ok().and_then(Figures::from_json);
    if !output.status.success() || figures.is_none() {
        eprintln!("{name} failed: {}", output.status);
        return None;
    }
    figures
}
