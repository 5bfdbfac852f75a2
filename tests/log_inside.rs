//! Who is inside the drain, or makes its passes, uses the writer: sinks, their destructors, jobs of the drain's group.

mod util;

use aside::log::{Builder, FlushError, Guard, WriteError, Writer};
use aside::{Deadline, Group};
use futures::executor::block_on;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;
use util::sink::{Scripted, Sink};
use util::{Gate, watchdog};

const LONG: Duration = Duration::from_secs(50);

/// Lines in pieces, by one handle: the one that waits for room, and the sink that makes it.
#[test]
fn the_sink_formats_by_a_handle_that_others_wait_with() {
    let _watchdog = watchdog();
    let log: Arc<OnceLock<Writer>> = Arc::default();
    let inner = log.clone();
    let sink = Scripted(move |bytes: &[u8]| {
        let mut log = inner.get().unwrap();
        // There may be no room.
        let _ = log.write_all(b"begun ");
        if bytes.len() > 500 {
            let _ = log.write_all(b"and ended\n");
        }
        Ok(bytes.len())
    });
    let (writer, guard) = Writer::builder().capacity(1024).sink(sink).build().unwrap();
    assert!(log.set(writer).is_ok());
    let mut writer = log.get().unwrap();
    for n in 0..5_000 {
        writeln!(writer, "{n}{}", "x".repeat(100)).unwrap();
    }
    assert!(guard.close(LONG).is_complete);
}

/// Keeps a guard, or a writer, and uses it as it is dropped.
struct Farewell<F: FnMut()>(F);

impl<F: FnMut()> Write for Farewell<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut()> Drop for Farewell<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_sink_that_flushes_the_log_as_it_is_dropped() {
    let _watchdog = watchdog();
    let log: Arc<OnceLock<Writer>> = Arc::default();
    let (inner, (tell, told)) = (log.clone(), mpsc::channel());
    let sink = Farewell(move || {
        let log = inner.get().unwrap();
        assert!(matches!(log.write_record(b"too late\n"), Err(WriteError::Closed)));
        tell.send(log.flush_wait(Deadline::NEVER)).unwrap();
    });
    let (writer, guard) = Writer::builder().sink(sink).build().unwrap();
    assert!(log.set(writer).is_ok());
    log.get().unwrap().write_record(b"1\n").unwrap();
    assert!(guard.close(LONG).is_complete);
    assert!(matches!(told.recv().unwrap(), Err(FlushError::Inside)));
}

#[test]
fn a_sink_that_has_the_guard() {
    let _watchdog = watchdog();
    let slot: Arc<Mutex<Option<Guard>>> = Arc::default();
    let inner = slot.clone();
    let sink = Farewell(move || {
        let guard = inner.lock().unwrap().take();
        assert!(!guard.unwrap().close(Deadline::NEVER).is_complete);
    });
    let group = Group::builder().max_threads(1).build().unwrap();
    let (log, guard) = Writer::builder().group(&group).sink(sink).build().unwrap();
    *slot.lock().unwrap() = Some(guard);
    log.write_record(b"1\n").unwrap();
    log.flush_wait(LONG).unwrap();
    group.close();
    // While the drain lingers, it takes them.
    let error = loop {
        if let Err(error) = log.write_record(b"2\n") {
            break error;
        }
    };
    assert!(matches!(error, WriteError::Broken(_)));
    assert!(slot.lock().unwrap().is_none());
}

/// On the only thread of a group, inside the drain of one, passes of the other are made, whose sink logs to the first.
#[test]
fn two_writers_whose_sinks_log_to_each_other() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(1).build().unwrap();
    let logs: Arc<OnceLock<[Writer; 2]>> = Arc::default();
    let build = |other: usize| {
        let logs = logs.clone();
        let mut said = 0;
        let sink = Scripted(move |bytes: &[u8]| {
            while said < 1_000 {
                said += 1;
                let _ = logs.get().unwrap()[other].write_record(&[b'x'; 200]);
            }
            Ok(bytes.len())
        });
        Writer::builder().group(&group).capacity(1024).sink(sink).build().unwrap()
    };
    let ((one, first), (two, second)) = (build(1), build(0));
    assert!(logs.set([one, two]).is_ok());
    logs.get().unwrap()[0].write_record(b"go\n").unwrap();
    logs.get().unwrap()[0].flush_wait(LONG).unwrap();
    logs.get().unwrap()[1].flush_wait(LONG).unwrap();
    assert!(first.close(LONG).is_complete);
    assert!(second.close(LONG).is_complete);
}

/// A thread of the drain's group makes a pass while it waits for room; another one asks for a flush meanwhile, and the first one then
/// does something else for long.
#[test]
fn who_finds_another_at_the_passes_has_its_turn() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let shelf = Sink::new();
    let (log, guard) = Writer::builder().group(&group).capacity(1024).sink(shelf.clone()).build().unwrap();
    let stopped = shelf.stop();
    let (both_there, begin, flushed) = (Arc::new(std::sync::Barrier::new(2)), Gate::new(), Gate::new());
    let fills = {
        let (log, both_there, flushed) = (log.clone(), both_there.clone(), flushed.clone());
        group.offload(move || {
            both_there.wait();
            // No thread is left for the drain's own job: the last of these waits for room, and makes the pass.
            for _ in 0..11 {
                log.write_record(&[b'x'; 100]).unwrap();
            }
            flushed.pass();
        })
    };
    let flushes = {
        let begin = begin.clone();
        group.offload(move || {
            both_there.wait();
            begin.pass();
            log.flush_wait(Deadline::NEVER).unwrap();
            flushed.open();
        })
    };
    stopped.until_there();
    begin.open();
    // If this is too short for the flush to be asked for, nothing is tested.
    thread::sleep(Duration::from_millis(50));
    stopped.go_on();
    flushes.wait();
    fills.wait();
    assert_eq!(guard.close(LONG).written, 11);
}

/// The same at any moment: one thread finds the other one at the passes, just before that is done.
fn two_of_the_group_at_once(builder: Builder, work: fn(&Writer)) {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).min_threads(2).build().unwrap();
    let (log, guard) = builder.group(&group).sink(io::sink()).build().unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..3_000 {
        let (there, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let job = |spins: usize| {
            let (log, there, done) = (log.clone(), there.clone(), done.clone());
            group.offload(move || {
                there.fetch_add(1, Ordering::SeqCst);
                spin_until(|| there.load(Ordering::SeqCst) == 2);
                (0..spins).for_each(|_| std::hint::spin_loop());
                work(&log);
                done.fetch_add(1, Ordering::SeqCst);
                // No thread is left for the drain's own job.
                spin_until(|| done.load(Ordering::SeqCst) == 2);
            })
        };
        let both = [job(0), job(random.usize(..200))];
        both.into_iter().for_each(|job| job.wait());
    }
    assert!(guard.close(LONG).is_complete);
}

#[test]
fn two_who_flush_have_their_turn() {
    two_of_the_group_at_once(Writer::builder(), |log| log.flush_wait(Deadline::NEVER).unwrap());
}

#[test]
fn two_who_wait_for_room_have_their_turn() {
    let builder = Writer::builder().capacity(1024).budget(0);
    two_of_the_group_at_once(builder, |log| {
        (0..4).for_each(|_| log.write_record(&[b'x'; 300]).unwrap());
    });
}

fn spin_until(holds: impl Fn() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

/// The drain's job is queued behind the one that awaits it.
#[test]
fn a_job_of_the_only_thread_awaits_the_drain() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(1).build().unwrap();
    let (log, guard) = Writer::builder().group(&group).sink(io::sink()).build().unwrap();
    let job = group.offload(move || {
        log.write_record(b"1\n").unwrap();
        block_on(log.flush()).unwrap();
        block_on(log.sync()).unwrap();
    });
    job.wait();
    assert_eq!(guard.close(LONG).written, 1);
}

/// The same, but in no time.
#[test]
fn a_job_whose_time_is_up_does_not_call_the_sink() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(1).build().unwrap();
    let sink = Sink::new();
    let stopped = sink.stop();
    let (log, guard) = Writer::builder().group(&group).sink(sink).build().unwrap();
    let job = group.offload(move || {
        log.write_record(b"1\n").unwrap();
        assert!(matches!(log.flush_wait(Duration::ZERO), Err(FlushError::TimedOut)));
        let report = guard.close(Duration::ZERO);
        assert!(!report.is_complete);
        assert_eq!(report.written, 0);
    });
    job.wait();
    stopped.until_there();
    stopped.go_on();
}

/// The one who learns that the sink has failed learns all that was lost by it.
#[test]
fn what_is_lost_is_counted_when_the_guard_is_closed() {
    let _watchdog = watchdog();
    for _ in 0..500 {
        let gate = Gate::new();
        let held = gate.clone();
        let sink = Scripted(move |_: &[u8]| {
            held.pass();
            Err(ErrorKind::BrokenPipe.into())
        });
        let (log, guard) = Writer::builder().sink(sink).build().unwrap();
        for _ in 0..10 {
            log.write_record(b"1\n").unwrap();
        }
        let closing = thread::spawn(move || guard.close(LONG));
        gate.open();
        let report = closing.join().unwrap();
        assert!(report.error.is_some());
        assert_eq!((report.written, report.lost), (0, 10), "{report}");
    }
}

/// The same by a job of the only thread that could write.
#[test]
fn a_job_closes_the_guard_of_a_sink_that_fails() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(1).build().unwrap();
    let sink = Scripted(|_: &[u8]| Err(ErrorKind::BrokenPipe.into()));
    let (log, guard) = Writer::builder().group(&group).sink(sink).build().unwrap();
    let report = group.offload(move || {
        log.write_record(b"1\n").unwrap();
        guard.close(Deadline::NEVER)
    });
    let report = report.wait();
    assert!(report.error.is_some());
    assert_eq!(report.lost, 1);
}

/// A job of the group closes the guard while the drain, on another thread, drops the sink.
#[test]
fn a_writer_is_at_its_end_when_the_sink_is_dropped() {
    struct Slow(Arc<AtomicBool>, Gate);
    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.pass();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Drop for Slow {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(5));
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let _watchdog = watchdog();
    for _ in 0..100 {
        let group = Group::builder().max_threads(2).min_threads(2).build().unwrap();
        let (dropped, gate) = (Arc::new(AtomicBool::new(false)), Gate::new());
        let sink = Slow(dropped.clone(), gate.clone());
        let (log, guard) = Writer::builder().group(&group).sink(sink).build().unwrap();
        log.write_record(b"1\n").unwrap();
        let job = group.offload(move || (guard.close(LONG).is_complete, dropped.load(Ordering::SeqCst)));
        gate.open();
        assert_eq!(job.wait(), (true, true));
    }
}

/// Of many writers, one after the other, nothing is left: no thread, and no memory.
#[test]
#[cfg(target_os = "linux")]
fn ten_thousand_writers() {
    util::fork::alone("ten_thousand_writers", || {
        let written = Arc::new(AtomicU64::new(0));
        let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
        let mut resident = Vec::new();
        for n in 0..10_000 {
            let written = written.clone();
            let sink = Scripted(move |bytes: &[u8]| {
                written.fetch_add(1, Ordering::Relaxed);
                Ok(bytes.len())
            });
            let (log, guard) = Writer::builder().capacity(1024).sink(sink).build().unwrap();
            log.write_record(b"1\n").unwrap();
            drop(guard);
            if n % 1_000 == 0 {
                assert!(threads() < 200, "{}", threads());
                resident.push(util::process::resident());
            }
        }
        assert_eq!(written.load(Ordering::Relaxed), 10_000);
        // What each of them leaves would be there 8,000 times.
        assert!(resident[9] < resident[1] + 8_000 * 200, "{resident:?}");
    });
}
