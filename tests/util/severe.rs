//! A logger whose severe records wait for room, where others are dropped.

use super::sink::Sink;
use aside::log::{Overflow, Writer};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
pub const SEVERE: usize = 200;

/// While the sink takes nothing, logs minor records (`None`) until one is dropped, and then severe ones, by number: all of these are written. Returns what is.
pub fn written_around_a_drop<L: Send + 'static>(
    logger: impl FnOnce(&Writer) -> L,
    say: impl Fn(&L, Option<usize>) + Send + 'static,
) -> String {
    let sink = Sink::new();
    let stopped = sink.stop();
    let builder = Writer::builder().capacity(1024).overflow(Overflow::DropNewest).report_drops(false);
    let (log, guard) = builder.sink(sink.clone()).build().unwrap();
    let (tell, told) = mpsc::channel();
    let logger = logger(&log);
    let logging = thread::spawn(move || {
        let mut minor = 0;
        // Nothing comes out of the ring meanwhile.
        while log.stats().dropped == 0 {
            say(&logger, None);
            minor += 1;
        }
        tell.send(()).unwrap();
        (0..SEVERE).for_each(|number| say(&logger, Some(number)));
        minor
    });
    stopped.until_there();
    told.recv().unwrap();
    stopped.go_on();
    let minor: u64 = logging.join().unwrap();
    let report = guard.close(LONG);
    assert_eq!((report.written, report.dropped), (minor - 1 + SEVERE as u64, 1));
    sink.text()
}
