use crate::writer::{Handle, Logger};
use aside_benches::figures::Figures;
use aside_benches::record::Record;
use aside_benches::ticks::{self, Times};
use std::hint::black_box;

/// From the beginning of a call to that of the next.
pub(super) const GAP_NS: u64 = 2_000;
const WARM_UP: usize = 5_000;

/// A record, then a while of nothing.
pub(super) fn run<L: Logger>(logger: L, records: usize) -> Figures {
    let mut figures = Figures::default();
    let mut times = Times::with_room_for(WARM_UP + records);
    let mut handle = logger.handle();
    log(WARM_UP, |record| times.time(|| handle.log(record)));
    times.clear();
    log(records, |record| times.time(|| handle.log(record)));
    drop(handle);
    logger.finish();
    times.tell("", &mut figures);
    figures.set("logged", (WARM_UP + records) as f64);
    figures
}

/// Records at that pace. Their length is known to nobody beforehand.
pub(super) fn log(records: usize, mut log: impl FnMut(&[u8])) {
    let mut record = Record::blank();
    let gap = ticks::of_ns(GAP_NS);
    let mut next = ticks::begin();
    for number in 0..records {
        let record = black_box(record.numbered(number as u64));
        ticks::spin_until(next);
        next = ticks::begin() + gap;
        log(record);
    }
}
