//! A panic is followed by a flush, if so wished. Each test has a process of its own, as there is one hook.
#![cfg(unix)]

mod util;

use aside::log::Writer;
use std::panic::{set_hook, take_hook};
use std::thread;
use std::time::Duration;
use util::Gate;
use util::fork::{alone, forked_with};
use util::sink::{Scripted, Sink, Slow, held_by};
use util::{expected_panic, panic_of};

const LONG: Duration = Duration::from_secs(50);
const RECORDS: usize = 2_000;

fn log_some(log: &Writer) {
    (0..RECORDS).for_each(|_| log.write_record(&[b'x'; 100]).unwrap());
}

#[test]
fn all_is_written_when_the_hook_is_done() {
    alone("all_is_written_when_the_hook_is_done", || {
        let sink = Sink::new();
        let (log, guard) = Writer::builder().sink(Slow(sink.clone())).build().unwrap();
        let in_hook = log.clone();
        set_hook(Box::new(move |info| {
            in_hook
                .write_record(format!("{}\n", info.payload().downcast_ref::<String>().unwrap()).as_bytes())
                .unwrap();
        }));
        guard.flush_on_panic(LONG);
        log_some(&log);
        panic_of(|| expected_panic("here"));
        let written = sink.written();
        let _ = take_hook();
        assert!(written.ends_with(b"here\n"));
        assert_eq!(log.stats().written as usize, RECORDS + 1);
        assert!(guard.close(LONG).is_complete);
        // The hook is still there, and nothing to be flushed.
        util::hush();
        panic_of(|| expected_panic("there"));
    });
}

#[test]
fn a_panic_of_the_sink_waits_for_nothing() {
    alone("a_panic_of_the_sink_waits_for_nothing", || {
        util::hush();
        let sink = Scripted(|_: &[u8]| expected_panic("a sink"));
        let (log, guard) = Writer::builder().sink(sink).build().unwrap();
        guard.flush_on_panic(Duration::from_secs(3_600));
        let _ = log.write_record(b"1\n");
        assert!(log.flush_wait(LONG).is_err());
        // Broken, by now.
        panic_of(|| expected_panic("elsewhere"));
        assert!(guard.close(LONG).error.is_some());
    });
}

#[test]
fn a_job_of_the_only_thread_that_could_write_panics() {
    alone("a_job_of_the_only_thread_that_could_write_panics", || {
        util::hush();
        let group = util::single_thread_group();
        let sink = Sink::new();
        let (log, guard) = Writer::builder().group(&group).sink(Slow(sink.clone())).build().unwrap();
        guard.flush_on_panic(LONG);
        let inside = (log.clone(), sink.clone());
        let written = group.offload(move || {
            let (log, sink) = inside;
            log_some(&log);
            panic_of(|| expected_panic("a job"));
            sink.written().len()
        });
        assert_eq!(written.wait(), RECORDS * 100);
        assert!(guard.close(LONG).is_complete);
    });
}

#[test]
fn a_stuck_sink_is_waited_for_until_the_deadline() {
    alone("a_stuck_sink_is_waited_for_until_the_deadline", || {
        util::hush();
        let gate = Gate::new();
        let (log, guard) = Writer::builder().sink(held_by(&gate)).build().unwrap();
        guard.flush_on_panic(Duration::from_millis(20));
        log.write_record(b"1\n").unwrap();
        panic_of(|| expected_panic("here"));
        assert_eq!(log.stats().written, 0);
        gate.open();
        assert_eq!(guard.close(LONG).written, 1);
    });
}

#[test]
fn threads_that_panic_at_once_each_have_theirs_written() {
    alone("threads_that_panic_at_once_each_have_theirs_written", || {
        util::hush();
        let sink = Sink::new();
        let (log, guard) = Writer::builder().sink(Slow(sink.clone())).build().unwrap();
        guard.flush_on_panic(LONG);
        thread::scope(|scope| {
            for thread in 0..8 {
                let (log, sink) = (&log, &sink);
                scope.spawn(move || {
                    log_some(log);
                    let last = format!("last of {thread}\n");
                    log.write_record(last.as_bytes()).unwrap();
                    panic_of(|| expected_panic("of many"));
                    let text = String::from_utf8(sink.written()).unwrap();
                    assert!(text.contains(&last));
                });
            }
        });
        assert!(guard.close(LONG).is_complete);
    });
}

#[test]
fn in_a_forked_child() {
    alone("in_a_forked_child", || {
        util::hush();
        let file = tempfile::NamedTempFile::new().unwrap();
        let (log, guard) = Writer::builder().append(file.path()).build().unwrap();
        guard.flush_on_panic(LONG);
        let (log, guard) = forked_with((log, guard), |(log, _guard)| {
            // Nothing was logged here.
            panic_of(|| expected_panic("a child"));
            log.write_record(b"child\n").unwrap();
            panic_of(|| expected_panic("a child"));
            assert_eq!(log.stats().written, 1);
        });
        log.write_record(b"parent\n").unwrap();
        assert!(guard.close(LONG).is_complete);
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "child\nparent\n");
    });
}
