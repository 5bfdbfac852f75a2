use super::paced;
use crate::writer::{Handle, Logger};
use aside_benches::figures::Figures;
use aside_benches::record::Record;
use aside_benches::threads;
use std::thread;
use std::time::Duration;

const UNTIL_QUIET: Duration = Duration::from_millis(200);

/// What goes on when nothing has been logged for a while: context switches of all threads but this one.
pub(super) fn run<L: Logger>(logger: L, records: usize, quick: bool) -> Figures {
    let mut figures = Figures::default();
    let watched = Duration::from_millis(if quick { 200 } else { 2_000 });
    let mut handle = logger.handle();
    let mut record = Record::blank();
    for _ in 0..records / 2 {
        handle.log(record.numbered(0));
    }
    paced::log(records / 2, |record| handle.log(record));
    thread::sleep(UNTIL_QUIET);
    let before = threads::switches_of_others();
    thread::sleep(watched);
    figures.set("switches", threads::switches_of_others().saturating_sub(before) as f64);
    drop(handle);
    logger.finish();
    figures.set("logged", (records / 2 * 2) as f64);
    figures
}
