//! The writer under the fmt layer of tracing-subscriber.

mod util;

use aside::log::Writer;
use std::fmt;
use std::thread;
use std::time::Duration;
use tracing::subscriber::with_default;
use tracing::{Level, Subscriber, debug, info, info_span, warn};
use tracing_subscriber::fmt::MakeWriter;
use util::severe::{SEVERE, written_around_a_drop};
use util::sink::Sink;
use util::{hush, panic_message_of, watchdog};

const LONG: Duration = Duration::from_secs(60);

/// The fmt layer as it comes, but for what is different each time.
fn subscriber(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt().with_writer(writer).without_time().with_target(false).with_ansi(false).finish()
}

#[test]
fn each_event_is_a_record_of_its_own() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (log, guard) = Writer::builder().sink(sink.clone()).build().unwrap();
    with_default(subscriber(log), || {
        let _span = info_span!("request", id = 7).entered();
        info!(bytes = 3, "answered");
        debug!("not at this level");
        warn!("of two\nlines");
    });
    assert_eq!(guard.close(LONG).written, 2);
    let expected = " INFO request{id=7}: answered bytes=3\n WARN request{id=7}: of two\nlines\n";
    assert_eq!(sink.text(), expected);
}

#[test]
fn events_of_eight_threads_come_out_whole_and_in_order() {
    const THREADS: usize = 8;
    const EACH: usize = 2_000;
    let _watchdog = watchdog();
    let sink = Sink::new();
    // So little room that the threads have to wait, each in its turn.
    let (log, guard) = Writer::builder().capacity(4 * 1024).sink(sink.clone()).build().unwrap();
    let dispatch = tracing::Dispatch::new(subscriber(log));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let dispatch = dispatch.clone();
            scope.spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    let _outer = info_span!("outer", thread).entered();
                    for number in 0..EACH {
                        let _inner = info_span!("inner", number).entered();
                        info!(text = "x".repeat(number * 7 % 300), "first\nsecond {number}");
                    }
                });
            });
        }
    });
    let report = guard.close(LONG);
    assert_eq!((report.written, report.dropped, report.lost), ((THREADS * EACH) as u64, 0, 0));
    let all = sink.text();
    let mut lines = all.lines();
    let mut next = [0; THREADS];
    while let Some(first) = lines.next() {
        let (span, _) = first.strip_prefix(" INFO outer{thread=").unwrap().split_once('}').unwrap();
        let thread: usize = span.parse().unwrap();
        let number = next[thread];
        next[thread] += 1;
        assert_eq!(first, format!(" INFO outer{{thread={thread}}}:inner{{number={number}}}: first"));
        let expected = format!("second {number} text=\"{}\"", "x".repeat(number * 7 % 300));
        assert_eq!(lines.next(), Some(&*expected));
    }
    assert_eq!(next, [EACH; THREADS]);
}

#[test]
fn severe_events_wait_where_others_are_dropped() {
    let _watchdog = watchdog();
    let all = written_around_a_drop(
        |log| tracing::Dispatch::new(subscriber(log.blocking_from(Level::WARN))),
        |dispatch, severe| {
            tracing::dispatcher::with_default(dispatch, || match severe {
                None => info!("may be dropped"),
                Some(number) => warn!(number, "is waited for"),
            });
        },
    );
    let warnings: Vec<&str> = all.lines().filter(|line| line.starts_with(" WARN")).collect();
    let expected: Vec<String> = (0..SEVERE).map(|n| format!(" WARN is waited for number={n}")).collect();
    assert_eq!(warnings, expected);
}

struct Bomb;

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half of it")?;
        util::expected_panic("what is logged")
    }
}

/// Some layers write an event in pieces.
#[test]
fn pieces_become_one_record_unless_a_panic_tears_it() {
    use std::io::Write;
    hush();
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (log, guard) = Writer::builder().sink(sink.clone()).build().unwrap();
    let mut event = log.make_writer();
    let (one, other) = ("in", "pieces");
    write!(event, "{one}, {other}").unwrap();
    log.write_record(b"from elsewhere\n").unwrap();
    writeln!(event).unwrap();
    event.write_all(b"without a newline").unwrap();
    drop(event);
    panic_message_of(|| writeln!(log.make_writer(), "torn: {Bomb}"));
    log.write_record(b"\n").unwrap();
    assert_eq!(guard.close(LONG).written, 4);
    assert_eq!(sink.text(), "from elsewhere\nin, pieces\nwithout a newline\n");
}
