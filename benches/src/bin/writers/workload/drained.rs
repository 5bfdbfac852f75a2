use crate::child::Order;
use crate::sink::{Open, numbered};
use crate::writer::{BUFFER, Handle, Logger};
use aside_benches::figures::Figures;
use aside_benches::meter::metered;
use aside_benches::record::{LENGTH, Record};
use std::hint::black_box;
use std::io::Write;
use std::thread;

/// Threads log as fast as they can. The time ends when the writer is ended, which should be when all is in the sink.
pub(super) fn run<L: Logger>(logger: L, open: &mut Open, records: usize, threads: usize) -> Figures {
    let mut found = None;
    let mut figures = metered(records, |_| {
        if threads == 1 {
            log(&logger, 0, records);
        } else {
            thread::scope(|scope| {
                for thread in 0..threads {
                    let logger = &logger;
                    scope.spawn(move || log(logger, thread, records / threads));
                }
            });
        }
        logger.finish();
        found = Some(open.found());
    });
    let found = found.expect("was looked at");
    let lost = records as f64 - found.records;
    if let (Some(in_file), true) = (open.check(threads), lost == 0.0) {
        assert_eq!(in_file, records, "all are in the file");
    }
    figures.set("writes", found.writes);
    figures.set("lost", lost);
    add_rate(&mut figures);
    figures
}

fn log<L: Logger>(logger: &L, thread: usize, records: usize) {
    /// The next ones are numbered beforehand: some processors wait long when they read what they have written in smaller pieces just before.
    const AHEAD: usize = 4;
    let mut texts = [Record::blank(); 2 * AHEAD];
    for (number, text) in texts.iter_mut().enumerate().take(AHEAD) {
        text.numbered(numbered(thread, number as u64));
    }
    let mut handle = logger.handle();
    for number in 0..records {
        let next = number + AHEAD;
        texts[next % (2 * AHEAD)].numbered(numbered(thread, next as u64));
        handle.log(black_box(texts[number % (2 * AHEAD)].bytes()));
    }
}

/// No writer: as many bytes, from memory, in large pieces. Nobody is faster.
pub(crate) fn run_loop(order: &Order) -> Figures {
    let case = order.case;
    let records = case.workload.size(case.writer, case.sink, order.quick);
    let mut open = case.sink.open();
    let mut file = open.take();
    let piece = vec![b'x'; BUFFER];
    let mut figures = metered(records, |_| {
        let mut left = records * LENGTH;
        while left > 0 {
            let next = left.min(BUFFER);
            file.write_all(&piece[..next]).expect("writes");
            left -= next;
        }
    });
    figures.set("writes", open.found().writes);
    add_rate(&mut figures);
    figures
}

fn add_rate(figures: &mut Figures) {
    let total = figures.get("total_ns").expect("is measured");
    figures.set("rate", 1e3 / total);
}
