use super::flood::flood;
use crate::writer::Logger;
use aside_benches::figures::Figures;
use aside_benches::ticks::Times;

/// As many as a ring has room for, and some more again.
const BURST: usize = 1_000;
const WARM_UP: usize = 5;

/// One thread logs some records as fast as it can, each call timed, then waits until all are written.
pub(super) fn run<L: Logger>(logger: L, records: usize) -> Figures {
    let mut figures = Figures::default();
    let mut times = Times::with_room_for((WARM_UP * BURST).max(records));
    let mut handle = logger.handle();
    for _ in 0..WARM_UP {
        flood(&mut handle, BURST, &mut times);
        logger.settle();
    }
    times.clear();
    for _ in 0..records / BURST {
        flood(&mut handle, BURST, &mut times);
        logger.settle();
    }
    drop(handle);
    logger.finish();
    times.tell("", &mut figures);
    figures.set("logged", (WARM_UP * BURST + records) as f64);
    figures
}
