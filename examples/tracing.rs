//! Events of `tracing` on their way to a stdout that is slow: nobody waits, the warnings are all there, and the log says what it lacks.
//!
//! ```text
//! cargo run --release --features tracing --example tracing
//! ```

use aside::log::{Overflow, Writer};
use std::io::{self, Write};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};
use tracing::{Level, info, info_span, warn};

/// A terminal far away.
struct Slow;

const PER_WRITE: Duration = Duration::from_millis(10);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        thread::sleep(PER_WRITE);
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// Logs, and returns what each event cost its thread.
fn handle_requests(requests: usize) -> Vec<Duration> {
    let handle = |id| {
        let _span = info_span!("request", id).entered();
        let begun = Instant::now();
        if id % 500 == 499 {
            warn!("slow disk");
        } else {
            info!(bytes = id * 37 % 1000, "answered");
        }
        begun.elapsed()
    };
    (0..requests).map(handle).collect()
}

fn report(way: &str, mut costs: Vec<Duration>) {
    costs.sort_unstable();
    let (half, most) = (costs[costs.len() / 2], costs[costs.len() * 99 / 100]);
    let events = costs.len();
    eprintln!("{way}: {events} events, half of them took up to {half:.1?}, 99% up to {most:.1?}");
}

fn main() -> io::Result<()> {
    // As it is without this crate: each event waits for its write.
    let direct = tracing_subscriber::fmt().with_writer(Mutex::new(Slow)).finish();
    let direct = tracing::subscriber::with_default(direct, || handle_requests(20));

    let (log, guard) = Writer::builder().capacity(8192).overflow(Overflow::DropNewest).sink(Slow).build()?;
    tracing_subscriber::fmt().with_writer(log.blocking_from(Level::WARN)).init();
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(|| handle_requests(1000))).collect();
    let costs = threads.into_iter().flat_map(|thread| thread.join().expect("logging does not panic"));
    let costs = costs.collect();
    let end = guard.close(Duration::from_secs(10));

    report("\ndirectly", direct);
    report("with aside", costs);
    eprintln!(
        "{} written, {} dropped, as the log itself tells. No warning was dropped.",
        end.written, end.dropped
    );
    Ok(())
}
