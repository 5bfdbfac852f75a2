//! From the log call to the bytes' coming out of a pipe.

use crate::child::Order;
use crate::writer::{Handle, Logger, Visitor};
use aside_benches::figures::Figures;
use aside_benches::record::{LENGTH, Record};
use aside_benches::ticks::{self, Times};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Whoever writes in the background sleeps by then.
const GAP: Duration = Duration::from_millis(5);

pub(crate) fn run(order: &Order) -> Figures {
    let case = order.case;
    let records = case.workload.size(case.writer, case.sink, order.quick);
    let (out, into) = rustix::pipe::pipe().expect("a pipe");
    let arrival = Arc::new(Arrival::default());
    let reader = {
        let arrival = arrival.clone();
        thread::spawn(move || read(out.into(), &arrival))
    };
    case.writer.with(into.into(), Load { records, arrival: &arrival });
    reader.join().expect("does not panic")
}

/// Of the last record.
#[derive(Default)]
struct Arrival {
    /// When it was logged, which the reader takes as a question.
    asked: AtomicU64,
}

/// Blocks until something comes, and looks at the counter.
fn read(mut pipe: File, arrival: &Arrival) -> Figures {
    let mut figures = Figures::default();
    let mut times = Times::with_room_for(1 << 16);
    let (mut buffer, mut bytes) = ([0; 64 * 1024], 0);
    loop {
        let more = pipe.read(&mut buffer).expect("reads");
        let now = ticks::end();
        if more == 0 {
            break;
        }
        bytes += more;
        // Acquire: the pipe itself has put it in order.
        let asked = arrival.asked.load(Ordering::Acquire);
        if asked > 0 {
            times.add(now.saturating_sub(asked));
        }
    }
    times.tell("", &mut figures);
    figures.set("arrived", (bytes / LENGTH) as f64);
    figures
}

struct Load<'a> {
    records: usize,
    arrival: &'a Arrival,
}

impl Visitor for Load<'_> {
    type Output = ();

    fn visit<L: Logger>(self, logger: L) {
        let mut handle = logger.handle();
        let mut record = Record::blank();
        for number in 0..self.records {
            thread::sleep(GAP);
            let record = record.numbered(number as u64);
            // Before the call, so its own time is part of it.
            self.arrival.asked.store(ticks::begin(), Ordering::Release);
            handle.log(record);
        }
        thread::sleep(GAP);
        drop(handle);
        logger.finish();
    }
}
