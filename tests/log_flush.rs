//! What a flush says: of a sink that cannot be flushed, and to who waits for himself.
#![cfg(unix)]

mod util;

use aside::Group;
use aside::log::{Builder, Flush, FlushError, Guard, Reaction, ReopenError, Synced, Writer};
use futures::executor::block_on;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;
use util::process::eventually;
use util::sink::{Answer, Scripted, Sink, poll_once};
use util::watchdog;

const LONG: Duration = Duration::from_secs(50);

#[track_caller]
fn assert_not_flushed(flushed: Result<(), FlushError>) {
    match flushed {
        Err(FlushError::NotFlushed(error)) => assert_eq!(error.kind(), ErrorKind::StorageFull),
        other => panic!("{other:?}"),
    }
}

fn that_drops(sink: &Sink) -> (Writer, Guard) {
    Writer::builder().on_error(|_, _| Reaction::Drop).sink(sink.clone()).build().unwrap()
}

/// Each flush has its own outcome, whenever it is asked for that.
#[test]
fn a_sink_that_cannot_be_flushed_is_told_to_who_waits() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (log, guard) = that_drops(&sink);
    let before = log.flush();
    log.flush_wait(LONG).unwrap();
    sink.on_flush(Answer::Fails(ErrorKind::StorageFull));
    log.write_record(b"1\n").unwrap();
    let late = log.flush();
    assert_not_flushed(log.flush_wait(LONG));
    assert_not_flushed(block_on(log.flush()));
    assert_eq!(Write::flush(&mut &log).unwrap_err().kind(), ErrorKind::StorageFull);
    for synced in [log.sync_wait(LONG), block_on(log.sync())] {
        assert!(matches!(synced, Err(FlushError::NotSynced(_))), "{synced:?}");
    }
    assert_eq!((sink.text(), log.stats().written), ("1\n".into(), 1));
    sink.on_flush(Answer::Works);
    // A sync flushes by itself.
    assert_eq!(log.sync_wait(LONG).unwrap(), Synced::Flushed);
    log.flush_wait(LONG).unwrap();
    block_on(log.flush()).unwrap();
    block_on(before).unwrap();
    assert_not_flushed(block_on(late));
    assert!(guard.close(LONG).is_complete);
}

/// Counts how often it is flushed.
struct Flushed(Arc<AtomicUsize>);

impl Write for Flushed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn a_sink_is_flushed_though_nobody_asks() {
    let _watchdog = watchdog();
    let flushes = Arc::new(AtomicUsize::new(0));
    let (log, _guard) = Writer::builder().sink(Flushed(flushes.clone())).build().unwrap();
    // Copied together with others, and written from where it lies.
    for (before, len) in [1, 100_000].into_iter().enumerate() {
        log.write_record(&vec![b'x'; len]).unwrap();
        eventually("it is flushed", || flushes.load(Ordering::Relaxed) == before + 1);
    }
}

#[test]
fn a_sink_that_cannot_be_flushed_is_told_to_who_closes() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (log, guard) = that_drops(&sink);
    sink.on_flush(Answer::Fails(ErrorKind::StorageFull));
    log.write_record(b"1\n").unwrap();
    let report = guard.close(LONG);
    assert!(!report.is_complete);
    assert_eq!((report.written, report.lost), (1, 0));
    assert_eq!(report.error.unwrap().kind(), ErrorKind::StorageFull);
}

/// A writer whose sink is called with it, once.
fn with_sink(builder: Builder, mut first: impl FnMut(&Writer) + Send + 'static) -> (Writer, Guard) {
    let log: Arc<OnceLock<Writer>> = Arc::default();
    let inner = log.clone();
    let mut is_first = true;
    let sink = Scripted(move |bytes: &[u8]| {
        if std::mem::take(&mut is_first) {
            first(inner.get().unwrap());
        }
        Ok(bytes.len())
    });
    let (writer, guard) = builder.sink(sink).build().unwrap();
    log.set(writer.clone()).unwrap();
    (writer, guard)
}

#[test]
fn who_waits_inside_is_told_so() {
    let _watchdog = watchdog();
    let (tell, told) = mpsc::channel();
    let (log, guard) = with_sink(Writer::builder(), move |log| {
        assert!(matches!(block_on(log.flush()), Err(FlushError::Inside)));
        assert!(matches!(block_on(log.sync()), Err(FlushError::Inside)));
        assert!(matches!(block_on(log.reopen("a file")), Err(ReopenError::NotAppending)));
        assert!(matches!(log.flush_wait(LONG), Err(FlushError::Inside)));
        tell.send(()).unwrap();
    });
    log.write_record(b"1\n").unwrap();
    log.flush_wait(LONG).unwrap();
    assert!(guard.close(LONG).is_complete);
    told.recv().unwrap();
}

/// What is asked for inside may be awaited elsewhere, and what is asked for elsewhere be polled inside.
#[test]
fn what_does_not_wait_inside_is_done() {
    let _watchdog = watchdog();
    let (give, given) = mpsc::channel::<Flush>();
    let (give_back, back) = mpsc::channel();
    let (log, guard) = with_sink(Writer::builder(), move |log| {
        give_back.send(log.flush()).unwrap();
        let mut foreign = given.recv().unwrap();
        assert!(poll_once(&mut foreign).is_pending());
        give_back.send(foreign).unwrap();
    });
    log.write_record(b"1\n").unwrap();
    let mut asked_inside = back.recv().unwrap();
    assert!(poll_once(&mut asked_inside).is_pending());
    give.send(log.flush()).unwrap();
    block_on(back.recv().unwrap()).unwrap();
    block_on(asked_inside).unwrap();
    assert!(guard.close(LONG).is_complete);
}

/// Passes would follow each other for ever.
#[test]
fn a_sink_whose_flush_flushes_the_log_lets_the_drain_sleep() {
    struct Flushing(Arc<OnceLock<Writer>>);
    impl Write for Flushing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            assert!(matches!(self.0.get().unwrap().flush_wait(LONG), Err(FlushError::Inside)));
            Ok(())
        }
    }
    let _watchdog = watchdog();
    let log: Arc<OnceLock<Writer>> = Arc::default();
    let group = Group::builder().min_threads(0).keep_alive(Duration::ZERO).build().unwrap();
    let builder = Writer::builder().group(&group).sink(Flushing(log.clone()));
    let (writer, guard) = builder.build().unwrap();
    log.set(writer.clone()).unwrap();
    writer.write_record(b"1\n").unwrap();
    writer.flush_wait(LONG).unwrap();
    util::process::eventually("the drain sleeps, and its thread has left", || group.stats().threads == 0);
    assert!(guard.close(LONG).is_complete);
}
