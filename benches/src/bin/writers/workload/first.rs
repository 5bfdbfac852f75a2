use super::flood::flood;
use crate::writer::{Handle, Logger};
use aside_benches::figures::Figures;
use aside_benches::record::LENGTH;
use aside_benches::ticks::Times;
use crossbeam_channel::bounded;
use std::sync::mpsc;
use std::thread;

/// Less than a ring has room for.
const LAP: usize = 2_000;

/// Threads one after another, each of which logs its first record, then some more, then, when those are written, as many again; and stays, so
/// that no other thread gets what it leaves.
pub(super) fn run<L: Logger>(logger: L, threads: usize) -> Figures {
    let mut figures = Figures::default();
    let (mut first, mut fresh, mut again) = (
        Times::with_room_for(threads),
        Times::with_room_for(threads * LAP),
        Times::with_room_for(threads * LAP),
    );
    let (end, ended) = bounded::<()>(0);
    let (teller, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (logger, teller, ended) = (&logger, teller.clone(), ended.clone());
            scope.spawn(move || {
                let mut laps = [1, LAP, LAP].map(Times::with_room_for);
                // What a clone of a handle takes is part of the first record.
                let mut handle = laps[0].time(|| {
                    let mut handle = logger.handle();
                    handle.log(&[b'x'; LENGTH]);
                    handle
                });
                flood(&mut handle, LAP, &mut laps[1]);
                logger.settle();
                flood(&mut handle, LAP, &mut laps[2]);
                teller.send(laps).expect("is waited for");
                let _ = ended.recv();
            });
            let laps = told.recv().expect("the thread tells");
            for (all, lap) in [&mut first, &mut fresh, &mut again].into_iter().zip(&laps) {
                all.append(lap);
            }
            logger.settle();
        }
        drop(end);
    });
    logger.finish();
    for (times, prefix) in [(&first, "first_"), (&fresh, "fresh_"), (&again, "again_")] {
        times.tell(prefix, &mut figures);
    }
    figures.set("logged", (threads * (1 + 2 * LAP)) as f64);
    figures
}
