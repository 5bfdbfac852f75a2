//! The end of the process, with the guard not dropped: what was logged is written, and nothing hangs.
#![cfg(unix)]

mod util;

use aside::Group;
use aside::log::{Builder, Reaction, WriteError, Writer};
use std::io::{ErrorKind, Write};
use std::process::exit;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use util::Gate;
use util::fork::alone;
use util::process::{ended_by, file};
use util::sink::{Answer, Scripted, Sink};

/// Longer than the watchdog: who waits for this hangs.
const LONG: Duration = Duration::from_secs(3_600);
const RECORDS: usize = 20_000;

/// A writer that appends to the child's file, and is never closed by the program. The sink takes its time.
fn open(builder: Builder) -> Writer {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file()).unwrap();
    let slow = Scripted(move |bytes: &[u8]| {
        thread::sleep(Duration::from_micros(100));
        file.write(&bytes[..bytes.len().min(5_000)])
    });
    let (log, guard) = builder.drop_deadline(LONG).sink(slow).build().unwrap();
    std::mem::forget(guard);
    log
}

fn log_numbers(log: &Writer) {
    for number in 0..RECORDS {
        log.write_record(format!("{number}\n").as_bytes()).unwrap();
    }
}

#[track_caller]
fn assert_numbers(text: &str) {
    assert!(text.lines().enumerate().all(|(number, line)| line == number.to_string()));
    assert_eq!(text.lines().count(), RECORDS);
}

#[test]
fn exit_loses_nothing() {
    let ended = ended_by("exit_loses_nothing", 7, || {
        log_numbers(&open(Writer::builder()));
        exit(7);
    });
    if let Some(ended) = ended {
        assert_numbers(&ended.text);
    }
}

#[test]
fn the_end_of_main_loses_nothing() {
    // The child's main is the test harness's.
    let ended = ended_by("the_end_of_main_loses_nothing", 0, || {
        static LOG: OnceLock<Writer> = OnceLock::new();
        log_numbers(LOG.get_or_init(|| open(Writer::builder())));
    });
    if let Some(ended) = ended {
        assert_numbers(&ended.text);
    }
}

#[test]
fn a_file_and_several_writers() {
    let ended = ended_by("a_file_and_several_writers", 7, || {
        let open = || Writer::builder().append(file()).build().unwrap();
        let writers = [open(), open(), open()];
        for (log, _) in &writers {
            (0..1_000).for_each(|_| log.write_record(b"a line\n").unwrap());
        }
        exit(7);
    });
    if let Some(ended) = ended {
        assert_eq!(ended.text, "a line\n".repeat(3_000));
    }
}

#[test]
fn while_other_threads_log() {
    let ended = ended_by("while_other_threads_log", 7, || {
        let log = open(Writer::builder().capacity(1024));
        for _ in 0..3 {
            let log = log.clone();
            thread::spawn(move || {
                loop {
                    match log.write_record(b"noise\n") {
                        Ok(()) => {}
                        Err(WriteError::Closed) => return,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        let logging = thread::spawn(move || {
            for number in 0..100 {
                log.write_record(format!("{number}\n").as_bytes()).unwrap();
            }
            exit(7);
        });
        let _ = logging.join();
        unreachable!("the process goes on");
    });
    if let Some(ended) = ended {
        let numbers: Vec<&str> = ended.text.lines().filter(|line| *line != "noise").collect();
        assert!(numbers.iter().enumerate().all(|(number, line)| **line == number.to_string()));
        assert_eq!(numbers.len(), 100);
    }
}

#[test]
fn from_a_job_of_the_only_thread_that_could_write() {
    let ended = ended_by("from_a_job_of_the_only_thread_that_could_write", 7, || {
        let group = util::single_thread_group();
        let log = open(Writer::builder().group(&group));
        let job = group.offload(move || {
            log_numbers(&log);
            exit(7);
        });
        job.wait();
    });
    if let Some(ended) = ended {
        assert_numbers(&ended.text);
    }
}

#[test]
fn a_group_whose_threads_have_left() {
    let ended = ended_by("a_group_whose_threads_have_left", 7, || {
        let group = Group::builder().min_threads(0).keep_alive(Duration::ZERO).build().unwrap();
        let log = open(Writer::builder().group(&group));
        log.write_record(b"first\n").unwrap();
        util::process::eventually("the drain sleeps, and its thread has left", || group.stats().threads == 0);
        // Its own end is awaited by a thread-local's destructor, with the record in this thread's line.
        thread_local! {
            static LINE: std::cell::RefCell<Option<Writer>> = const { std::cell::RefCell::new(None) };
        }
        write!(&log, "last").unwrap();
        LINE.set(Some(log));
        exit(7);
    });
    if let Some(ended) = ended {
        assert_eq!(ended.text, "first\nlast");
    }
}

#[test]
fn from_inside_the_sink_nothing_hangs() {
    let ended = ended_by("from_inside_the_sink_nothing_hangs", 7, || {
        let builder = Writer::builder().drop_deadline(LONG);
        let (log, guard) = builder.sink(Scripted(|_: &[u8]| exit(7))).build().unwrap();
        std::mem::forget(guard);
        log.write_record(b"1\n").unwrap();
        log.flush_wait(LONG).unwrap();
    });
    if let Some(ended) = ended {
        assert!(ended.stderr.contains("not all were written"), "{}", ended.stderr);
    }
}

#[test]
fn from_the_error_handler_nothing_hangs() {
    ended_by("from_the_error_handler_nothing_hangs", 7, || {
        let builder = Writer::builder().drop_deadline(LONG).on_error(|_, _| -> Reaction { exit(7) });
        let failing = Scripted(|_: &[u8]| Err(std::io::Error::other("always")));
        let (log, guard) = builder.sink(failing).build().unwrap();
        std::mem::forget(guard);
        log.write_record(b"1\n").unwrap();
        let _ = log.flush_wait(LONG);
    });
}

fn stuck(builder: Builder) {
    let gate = Gate::new();
    let sink = Scripted(move |bytes: &[u8]| {
        gate.pass();
        Ok(bytes.len())
    });
    let (log, guard) = builder.sink(sink).build().unwrap();
    std::mem::forget(guard);
    log.write_record(b"1\n").unwrap();
    exit(7);
}

#[test]
fn a_stuck_sink_is_waited_for_until_the_deadline() {
    let ended = ended_by("a_stuck_sink_is_waited_for_until_the_deadline", 7, || {
        stuck(Writer::builder().drop_deadline(Duration::from_millis(30)));
    });
    if let Some(ended) = ended {
        let told = "aside: the log: 0 records written, 0 dropped, 0 lost; not all were written in time";
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
}

#[test]
fn a_sink_that_cannot_be_flushed_is_told() {
    let ended = ended_by("a_sink_that_cannot_be_flushed_is_told", 7, || {
        let sink = Sink::new();
        sink.on_flush(Answer::Fails(ErrorKind::StorageFull));
        let builder = Writer::builder().on_error(|_, _| Reaction::Drop).drop_deadline(LONG);
        let (log, guard) = builder.sink(sink).build().unwrap();
        std::mem::forget(guard);
        log.write_record(b"1\n").unwrap();
        exit(7);
    });
    if let Some(ended) = ended {
        let told = "aside: the log: 1 records written, 0 dropped, 0 lost; the sink failed: no storage space";
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
}

#[test]
fn or_not_at_all_if_so_wished() {
    ended_by("or_not_at_all_if_so_wished", 7, || {
        stuck(Writer::builder().drop_deadline(Duration::from_secs(3_600)).close_at_exit(false));
    });
}

#[test]
fn a_closed_writer_is_not_waited_for() {
    ended_by("a_closed_writer_is_not_waited_for", 7, || {
        let gate = Gate::new();
        let sink = Scripted(move |bytes: &[u8]| {
            gate.pass();
            Ok(bytes.len())
        });
        let (log, guard) =
            Writer::builder().drop_deadline(Duration::from_secs(3_600)).sink(sink).build().unwrap();
        log.write_record(b"1\n").unwrap();
        assert!(!guard.close(Duration::ZERO).is_complete);
        exit(7);
    });
}

#[test]
fn a_guard_that_waits_on_another_thread() {
    let ended = ended_by("a_guard_that_waits_on_another_thread", 7, || {
        let mut file = std::fs::File::create(file()).unwrap();
        let gate = Gate::new();
        let held = gate.clone();
        let sink = Scripted(move |bytes: &[u8]| {
            held.pass();
            file.write(bytes)
        });
        let (log, guard) = Writer::builder().sink(sink).build().unwrap();
        log.write_record(b"1\n").unwrap();
        thread::spawn(move || drop(guard));
        while log.write_record(b"").is_ok() {}
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            gate.open();
        });
        exit(7);
    });
    if let Some(ended) = ended {
        assert_eq!(ended.text, "1\n");
    }
}

/// Ends the child by `exit`, as a C program would.
fn fork_and_exit(body: impl FnOnce()) {
    // SAFETY: see `util::fork`.
    match unsafe { libc::fork() } {
        -1 => panic!("{}", std::io::Error::last_os_error()),
        0 => {
            body();
            exit(7)
        }
        child => {
            let mut status = 0;
            // SAFETY: the pointer is that of a live integer.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(libc::WEXITSTATUS(status), 7);
        }
    }
}

#[test]
fn of_a_forked_child() {
    alone("of_a_forked_child", || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (log, guard) = Writer::builder().append(file.path()).build().unwrap();
        (0..100).for_each(|_| log.write_record(b"parent\n").unwrap());
        fork_and_exit(|| ());
        fork_and_exit(|| (0..100).for_each(|_| log.write_record(b"child\n").unwrap()));
        log.write_record(b"parent\n").unwrap();
        assert!(guard.close(LONG).is_complete);
        let text = std::fs::read_to_string(file.path()).unwrap();
        let count = |wanted: &str| text.lines().filter(|line| *line == wanted).count();
        assert_eq!((count("parent"), count("child"), text.lines().count()), (101, 100, 201));
    });
}

/// A sink that is dropped as its writer ends: what it does then is done. Also if there was nothing to be written.
#[test]
fn the_sink_is_dropped() {
    struct Sealed(std::fs::File);
    impl Write for Sealed {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl Drop for Sealed {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(20));
            self.0.write_all(b"sealed\n").unwrap();
        }
    }
    let ended = ended_by("the_sink_is_dropped", 7, || {
        let file = std::fs::File::create(file()).unwrap();
        let open = || {
            let builder = Writer::builder().drop_deadline(LONG);
            let (log, guard) = builder.sink(Sealed(file.try_clone().unwrap())).build().unwrap();
            std::mem::forget(guard);
            log
        };
        let (log, _nothing_logged) = (open(), open());
        log.write_record(b"1\n").unwrap();
        exit(7);
    });
    if let Some(ended) = ended {
        assert_eq!(ended.text, "1\nsealed\nsealed\n");
    }
}
