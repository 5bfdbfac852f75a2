//! The macros of the crate `log`, while stdout is stuck: nobody waits, and nothing is lost.
//!
//! ```text
//! cargo run --release --features log --example log
//! ```

use aside::log::{Logger, Writer};
use log::{LevelFilter, info, warn};
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

/// A terminal that someone has stopped, for a while.
struct Stuck(Duration);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        thread::sleep(std::mem::take(&mut self.0));
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

const STUCK: Duration = Duration::from_millis(500);
const THREADS: u64 = 4;
const EACH: u64 = 250;

fn main() -> io::Result<()> {
    let (log, guard) = Writer::builder().sink(Stuck(STUCK)).build()?;
    Logger::new(log, LevelFilter::Info).init().expect("there is no logger yet");

    let begun = Instant::now();
    let threads: Vec<_> = (0..THREADS).map(|thread| thread::spawn(move || work(thread))).collect();
    for thread in threads {
        thread.join().expect("logging does not panic");
    }
    let took = begun.elapsed();
    log::logger().flush();
    let written = begun.elapsed();

    let end = guard.close(Duration::from_secs(10));
    assert_eq!(end.written, THREADS * EACH);
    eprintln!(
        "\n{THREADS} threads logged {} lines in {took:.1?}, while stdout was stuck for {STUCK:?};",
        end.written
    );
    eprintln!("after {written:.1?} all were written.");
    Ok(())
}

fn work(thread: u64) {
    for number in 1..EACH {
        info!("thread {thread} does {number}");
    }
    warn!("thread {thread} is done");
}
