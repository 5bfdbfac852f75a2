//! Whole events, through the layer of `tracing-subscriber` that formats them.

use super::{THREADS, Workload};
use crate::child::Order;
use crate::writer::{Appender, Aside, Buffered, Logger, Writer};
use aside::log::Order::Causal;
use aside_benches::figures::Figures;
use aside_benches::meter::metered;
use aside_benches::written::Written;
use std::io;
use std::thread;
use tracing::subscriber::set_global_default;
use tracing_subscriber::fmt::MakeWriter;

pub(crate) fn run(order: &Order) -> Figures {
    let case = order.case;
    let events = case.workload.size(case.writer, case.sink, order.quick);
    let threads = if case.workload == Workload::Events4 { THREADS } else { 1 };
    let mut open = case.sink.open();
    let file = open.take();
    let mut figures = match case.writer {
        Writer::Aside => {
            let aside = Aside::new(file, Causal);
            // The subscriber is there to the end.
            let writer: &'static _ = Box::leak(Box::new(aside.writer.clone()));
            measure(events, threads, move || writer, || aside.finish())
        }
        Writer::Appender => {
            let appender = Appender::new(file);
            measure(events, threads, appender.writer.clone(), || appender.finish())
        }
        Writer::Limit => measure(events, threads, io::sink, || ()),
        Writer::Mutex => {
            let buffered: &'static Buffered = Box::leak(Box::new(Buffered::new(file)));
            measure(events, threads, || Shared(&buffered.0), || buffered.settle())
        }
        other => unreachable!("{} is not asked for events", other.name()),
    };
    let total = figures.get("total_ns").expect("is measured");
    figures.set("rate", 1e3 / total);
    if let Some(lines) = open.lines() {
        figures.set("lost", events as f64 - lines as f64);
    }
    figures
}

/// A line comes in one piece.
struct Shared<W: 'static>(&'static std::sync::Mutex<W>);

impl<W: io::Write> io::Write for Shared<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().expect("no panics").flush()
    }
}

fn measure<M>(events: usize, threads: usize, make_writer: M, finish: impl FnOnce()) -> Figures
where
    M: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(make_writer).finish();
    set_global_default(subscriber).expect("the first one");
    // Everything is there, on this thread.
    emit(0, 100);
    let written = Written::so_far();
    let mut figures = metered(events, |_| {
        if threads == 1 {
            emit(0, events - 100);
        } else {
            thread::scope(|scope| {
                for thread in 0..threads {
                    let all = if thread == 0 { events / threads - 100 } else { events / threads };
                    scope.spawn(move || emit(thread, all));
                }
            });
        }
        finish();
    });
    figures.set("bytes", Written::since(written).bytes as f64 / events as f64);
    figures
}

fn emit(thread: usize, events: usize) {
    for number in 0..events {
        tracing::info!(thread, number, user = "alice", "a request was served");
    }
}
