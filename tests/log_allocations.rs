//! A record costs no allocation, under other loggers too, nor does one that is refused.

mod util;

use aside::log::{Logger, Overflow, WriteError, Writer};
use log::{Level, LevelFilter, Log, Record};
use std::time::Duration;
use util::allocations::{Counting, allocations};
use util::sink::Sink;
use util::watchdog;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Logs this often, and asserts that nothing is allocated but to wake the drain: a job each.
fn assert_allocates_nothing(log: &Writer, mut event: impl FnMut(usize)) {
    // The thread gets its ring, and its formatting buffers.
    (0..10).for_each(&mut event);
    let (before, wakes) = (allocations(), log.stats().wakes);
    (10..2_000).for_each(&mut event);
    let (allocations, wakes) = (allocations() - before, log.stats().wakes - wakes);
    assert!(allocations <= wakes, "{allocations} allocations for {wakes} wakes");
    assert!(wakes <= 100, "{wakes}");
}

#[test]
fn an_event_of_tracing_allocates_nothing() {
    let _watchdog = watchdog();
    let (log, guard) = Writer::builder().capacity(1 << 20).sink(std::io::sink()).build().unwrap();
    let subscriber = tracing_subscriber::fmt().with_writer(log.blocking_from(tracing::Level::WARN)).finish();
    // In a span the layer itself allocates: a list of the spans.
    tracing::subscriber::with_default(subscriber, || {
        assert_allocates_nothing(&log, |n| {
            tracing::info!(n, "an event");
            tracing::warn!(n, "a warning");
        });
    });
    assert_eq!(guard.close(Duration::from_secs(10)).written, 4_000);
}

#[test]
fn a_record_of_the_plain_logger_allocates_nothing() {
    let _watchdog = watchdog();
    let (log, guard) = Writer::builder().capacity(1 << 20).sink(std::io::sink()).build().unwrap();
    let logger = Logger::new(log.clone(), LevelFilter::Info).blocking_from(Level::Warn);
    assert_allocates_nothing(&log, |n| {
        for level in [Level::Info, Level::Warn] {
            logger.log(&Record::builder().level(level).args(format_args!("record {n}")).build());
        }
    });
    assert_eq!(guard.close(Duration::from_secs(10)).written, 4_000);
}

#[test]
fn a_record_of_env_logger_allocates_nothing() {
    let _watchdog = watchdog();
    let (log, guard) = Writer::builder().capacity(1 << 20).sink(std::io::sink()).build().unwrap();
    let logger = env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .target(env_logger::Target::Pipe(Box::new(log.record_writer())))
        .build();
    assert_allocates_nothing(&log, |n| {
        logger.log(&Record::builder().level(Level::Info).args(format_args!("record {n}")).build());
    });
    assert_eq!(guard.close(Duration::from_secs(10)).written, 2_000);
}

/// For want of descriptors, or of bytes.
#[test]
fn a_long_record_that_there_is_no_room_for_is_not_copied() {
    let _watchdog = watchdog();
    for (capacity, len) in [(1024, 1_000), (1 << 16, 6 << 20)] {
        let sink = Sink::new();
        let stopped = sink.stop();
        let builder = Writer::builder().capacity(capacity).overflow(Overflow::DropNewest);
        let (log, guard) = builder.sink(sink).build().unwrap();
        log.write_record(b"1\n").unwrap();
        stopped.until_there();
        let record = vec![b'x'; len];
        while log.write_record(&record).is_ok() {}
        let before = allocations();
        assert!(matches!(log.write_record(&record), Err(WriteError::Full)));
        assert_eq!(allocations(), before);
        stopped.go_on();
        assert_eq!(guard.close(Duration::from_secs(10)).dropped, 2);
    }
}
