use crate::writer::{Handle, Logger};
use aside_benches::figures::Figures;
use aside_benches::meter::ns_per;
use aside_benches::record::Record;
use aside_benches::ticks::Times;
use std::hint::black_box;
use std::time::Instant;

/// One thread logs as fast as it can, each call timed, and the whole, until the writer is ended.
pub(super) fn run<L: Logger>(logger: L, records: usize) -> Figures {
    let mut figures = Figures::default();
    let mut times = Times::with_room_for(records);
    let start = Instant::now();
    let mut handle = logger.handle();
    flood(&mut handle, records, &mut times);
    drop(handle);
    logger.finish();
    figures.set("rate", 1e3 / ns_per(start.elapsed(), records));
    times.tell("", &mut figures);
    figures.set("logged", records as f64);
    figures
}

/// The same record again and again. Its length is known to nobody beforehand.
pub(super) fn flood(handle: &mut impl Handle, records: usize, times: &mut Times) {
    let mut record = Record::blank();
    let record = record.numbered(0);
    for _ in 0..records {
        let record = black_box(record);
        times.time(|| handle.log(record));
    }
}
