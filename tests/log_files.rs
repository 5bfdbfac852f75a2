//! Files as sinks: on the device when that is asked for, and exchanged between two records.
#![cfg(target_os = "linux")]

mod util;

use aside::log::{FlushError, Reaction, ReopenError, Synced, Writer};
use futures::executor::block_on;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;
use util::fork::{alone, forked_with};
use util::sink::Sink;
use util::watchdog;

const LONG: Duration = Duration::from_secs(50);

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_sync_says_what_it_came_to() {
    let _watchdog = watchdog();
    let file = tempfile::NamedTempFile::new().unwrap();
    let (log, _guard) = Writer::builder().append(file.path()).build().unwrap();
    for n in 0..100 {
        log.write_record(format!("{n}\n").as_bytes()).unwrap();
        let synced = if n % 2 == 0 { block_on(log.sync()) } else { log.sync_wait(LONG) };
        assert_eq!(synced.unwrap(), Synced::OnDevice);
        assert_eq!(read(file.path()).lines().count(), n + 1);
    }

    let (_reader, writer) = rustix::pipe::pipe().unwrap();
    let (log, _guard) = Writer::builder().fd(writer).build().unwrap();
    assert_eq!(log.sync_wait(LONG).unwrap(), Synced::Flushed);

    let sink = Sink::new();
    let (log, guard) = Writer::builder().sink(sink.clone()).build().unwrap();
    log.write_record(b"1\n").unwrap();
    let before = sink.flushes();
    assert_eq!(log.sync_wait(LONG).unwrap(), Synced::Flushed);
    assert_eq!(sink.written(), b"1\n");
    assert!(sink.flushes() > before);

    assert!(guard.close(LONG).is_complete);
    assert!(matches!(log.sync_wait(LONG), Err(FlushError::Closed)));
    assert!(matches!(block_on(log.sync()), Err(FlushError::Closed)));
}

#[test]
fn a_device_that_fails_is_told_to_who_syncs() {
    alone("a_device_that_fails_is_told_to_who_syncs", || {
        refuse(libc::SYS_fdatasync, libc::EIO);
        let file = tempfile::NamedTempFile::new().unwrap();
        let (log, guard) = Writer::builder().append(file.path()).build().unwrap();
        log.write_record(b"1\n").unwrap();
        for result in [log.sync_wait(LONG), block_on(log.sync())] {
            match result {
                Err(FlushError::NotSynced(error)) => assert_eq!(error.raw_os_error(), Some(libc::EIO)),
                other => panic!("{other:?}"),
            }
        }
        log.write_record(b"2\n").unwrap();
        log.flush_wait(LONG).unwrap();
        assert_eq!(read(file.path()), "1\n2\n");
        assert_eq!(guard.close(LONG).written, 2);
    });
}

/// From now on this system call fails with this error, on this thread and on those that it starts.
fn refuse(call: i64, errno: i32) {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut filter = [
        // The number of the call.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            jt: 0,
            jf: 1,
            k: call as u32,
        },
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | errno as u32),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: the program is a valid one, and lives as long as the call.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
}

/// A directory with a log in it.
struct Logs(tempfile::TempDir);

impl Logs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("log")
    }

    fn old(&self, number: usize) -> PathBuf {
        self.0.path().join(format!("log.{number}"))
    }
}

#[test]
fn files_are_exchanged_between_two_records() {
    let _watchdog = watchdog();
    const FILES: usize = 100;
    let logs = Logs::new();
    let (log, guard) = Writer::builder().capacity(4096).append(logs.path()).build().unwrap();
    let ends = AtomicBool::new(false);
    let counts = thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let (log, ends) = (&log, &ends);
                scope.spawn(move || {
                    let mut number = 0;
                    while !ends.load(Ordering::Relaxed) {
                        let line = format!("{thread} {number} {}\n", "x".repeat(number * 7 % 3_000));
                        log.write_record(line.as_bytes()).unwrap();
                        number += 1;
                    }
                    number
                })
            })
            .collect();
        for file in 0..FILES {
            log.write_record(format!("last {file}\n").as_bytes()).unwrap();
            fs::rename(logs.path(), logs.old(file)).unwrap();
            if file % 2 == 0 {
                log.reopen_wait(logs.path(), LONG).unwrap();
            } else {
                block_on(log.reopen(logs.path())).unwrap();
            }
            log.write_record(format!("first {}\n", file + 1).as_bytes()).unwrap();
        }
        ends.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<usize>>()
    });
    assert!(guard.close(LONG).is_complete);
    let mut next = [0; 3];
    for file in 0..=FILES {
        let text = read(if file < FILES { logs.old(file) } else { logs.path() });
        assert!(text.is_empty() || text.ends_with('\n'), "a record is split");
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                "first" | "last" => assert_eq!(words[1], file.to_string()),
                thread => {
                    let (thread, number): (usize, usize) =
                        (thread.parse().unwrap(), words[1].parse().unwrap());
                    assert_eq!(number, next[thread]);
                    assert_eq!(words[2].len(), number * 7 % 3_000, "torn");
                    next[thread] += 1;
                }
            }
        }
        assert_eq!(text.contains(&format!("first {file}\n")), file > 0);
        assert_eq!(text.contains(&format!("last {file}\n")), file < FILES);
    }
    assert_eq!(next.to_vec(), counts);
}

#[test]
fn the_old_file_stays_if_the_new_one_cannot_be_opened() {
    let _watchdog = watchdog();
    let logs = Logs::new();
    let (log, guard) = Writer::builder().append(logs.path()).build().unwrap();
    log.write_record(b"before\n").unwrap();
    let missing = logs.0.path().join("no directory").join("log");
    for result in [log.reopen_wait(&missing, LONG), block_on(log.reopen(&missing))] {
        match result {
            Err(ReopenError::Open(error)) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
            other => panic!("{other:?}"),
        }
    }
    log.write_record(b"after\n").unwrap();
    assert!(guard.close(LONG).is_complete);
    assert_eq!(read(logs.path()), "before\nafter\n");
    let closed = log.reopen_wait(logs.path(), LONG);
    assert!(matches!(closed, Err(ReopenError::Flush(FlushError::Closed))), "{closed:?}");
}

#[test]
fn only_a_file_with_a_name_is_exchanged() {
    let logs = Logs::new();
    let (_reader, writer) = rustix::pipe::pipe().unwrap();
    for builder in
        [Writer::builder().stderr(), Writer::builder().fd(writer), Writer::builder().sink(Vec::new())]
    {
        let (log, _guard) = builder.build().unwrap();
        assert!(matches!(log.reopen_wait(logs.path(), LONG), Err(ReopenError::NotAppending)));
        assert!(matches!(block_on(log.reopen(logs.path())), Err(ReopenError::NotAppending)));
        assert!(!logs.path().exists());
    }
}

/// The descriptors of this process that are open on a file of this directory.
fn descriptors(dir: &Path) -> Vec<i32> {
    let dir = dir.canonicalize().unwrap();
    let all = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap());
    all.filter(|entry| fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(&dir)))
        .map(|entry| entry.file_name().to_str().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn exchanged_files_are_closed() {
    let _watchdog = watchdog();
    let logs = Logs::new();
    let (log, guard) = Writer::builder().append(logs.path()).build().unwrap();
    for n in 0..50 {
        fs::rename(logs.path(), logs.old(n)).unwrap();
        // Nobody waits for it, but for the last one.
        drop(log.reopen(logs.path()));
        log.reopen_wait(logs.path(), LONG).unwrap();
    }
    let open = descriptors(logs.0.path());
    assert_eq!(open.len(), 1);
    // SAFETY: it is open as long as the writer is.
    let descriptor = unsafe { BorrowedFd::borrow_raw(open[0]) };
    let flags = rustix::io::fcntl_getfd(descriptor).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    assert!(guard.close(LONG).is_complete);
}

#[test]
fn a_child_goes_on_with_the_file_of_its_parent() {
    alone("a_child_goes_on_with_the_file_of_its_parent", || {
        let logs = Logs::new();
        let (log, guard) = Writer::builder().append(logs.path()).build().unwrap();
        log.write_record(b"parent 1\n").unwrap();
        log.reopen_wait(logs.old(1), LONG).unwrap();
        let (log, guard) = forked_with((log, guard), |(log, guard)| {
            log.write_record(b"child 1\n").unwrap();
            log.reopen_wait(logs.old(2), LONG).unwrap();
            log.write_record(b"child 2\n").unwrap();
            log.sync_wait(LONG).unwrap();
            assert!(guard.close(LONG).is_complete);
        });
        log.write_record(b"parent 2\n").unwrap();
        assert!(guard.close(LONG).is_complete);
        assert_eq!(read(logs.path()), "parent 1\n");
        assert_eq!(read(logs.old(1)), "child 1\nparent 2\n");
        assert_eq!(read(logs.old(2)), "child 2\n");
    });
}

/// Who is called by the drain would wait for itself.
#[test]
fn nobody_waits_for_himself() {
    let _watchdog = watchdog();
    let log: Arc<OnceLock<Writer>> = Arc::default();
    let inner = log.clone();
    let builder = Writer::builder().append("/dev/full").on_error(move |_, _| {
        let log = inner.get().unwrap();
        for synced in [log.sync_wait(LONG), block_on(log.sync())] {
            assert!(matches!(synced, Err(FlushError::Inside)));
        }
        for reopened in [log.reopen_wait("/dev/full", LONG), block_on(log.reopen("/dev/full"))] {
            assert!(matches!(reopened, Err(ReopenError::Flush(FlushError::Inside))));
        }
        Reaction::Drop
    });
    let (writer, guard) = builder.build().unwrap();
    log.set(writer.clone()).unwrap();
    writer.write_record(b"1\n").unwrap();
    writer.flush_wait(LONG).unwrap();
    let report = guard.close(LONG);
    assert!(report.is_complete && report.lost == 1, "{report}");
}
