//! A forked child writes its own records, once, and none of its parent's.
#![cfg(unix)]

mod util;

use aside::Group;
use aside::log::{FlushError, WriteError, Writer};
use futures::executor::block_on;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use util::fork::{alone, forked, forked_with, shared_counter};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn each_process_writes_its_own() {
    alone("each_process_writes_its_own", || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (log, guard) = Writer::builder().append(file.path()).build().unwrap();
        for n in 0..100 {
            log.write_record(format!("parent {n}\n").as_bytes()).unwrap();
        }
        // Some of these may still be in the ring.
        let (log, guard) = forked_with((log, guard), |(log, guard)| {
            for n in 0..100 {
                log.write_record(format!("child {n}\n").as_bytes()).unwrap();
            }
            log.flush_wait(LONG).unwrap();
            log.write_record(b"child's last\n").unwrap();
            let report = guard.close(LONG);
            assert!(report.is_complete && report.written == 101, "{report}");
        });
        log.write_record(b"parent's last\n").unwrap();
        assert_eq!(guard.close(LONG).written, 101);
        let all = std::fs::read_to_string(file.path()).unwrap();
        for name in ["parent", "child"] {
            let mut expected: Vec<String> = (0..100).map(|n| format!("{name} {n}")).collect();
            expected.push(format!("{name}'s last"));
            let lines: Vec<&str> = all.lines().filter(|line| line.starts_with(name)).collect();
            assert_eq!(lines, expected);
        }
    });
}

#[test]
fn a_sink_that_is_no_descriptor_stays_with_the_parent() {
    alone("a_sink_that_is_no_descriptor_stays_with_the_parent", || {
        let (log, guard) = Writer::builder().sink(std::io::sink()).build().unwrap();
        log.write_record(b"parent\n").unwrap();
        let (log, guard) = forked_with((log, guard), |(log, guard)| {
            assert!(matches!(log.write_record(b"child\n"), Err(WriteError::Forked)));
            assert!(guard.close(LONG).is_complete);
        });
        log.write_record(b"parent\n").unwrap();
        assert_eq!(guard.close(LONG).written, 2);
    });
}

/// A sink may end what it has written as it is dropped, as compressors do: the child drops the last handle that it has, and not the sink.
#[test]
fn a_sink_is_dropped_by_the_parent_alone() {
    struct Ending(&'static AtomicUsize);
    impl Write for Ending {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Drop for Ending {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    alone("a_sink_is_dropped_by_the_parent_alone", || {
        let dropped = shared_counter();
        let group = Group::builder().max_threads(1).build().unwrap();
        let (log, guard) = Writer::builder().group(&group).sink(Ending(dropped)).build().unwrap();
        log.write_record(b"parent\n").unwrap();
        log.flush_wait(LONG).unwrap();
        // The drain sleeps, and has no handle any more.
        group.drain().wait();
        let (log, guard) = forked_with((log, guard), drop);
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
        log.write_record(b"parent\n").unwrap();
        assert_eq!(guard.close(LONG).written, 2);
        drop(log);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    });
}

/// What is begun in the parent and committed by the child too is a record of each.
#[test]
fn a_grant_is_committed_by_both() {
    alone("a_grant_is_committed_by_both", || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (log, guard) = Writer::builder().append(file.path()).build().unwrap();
        let begin = || {
            let (mut in_ring, mut aside) = (log.reserve(100).unwrap(), log.reserve(100).unwrap());
            in_ring.write_all(b"of ").unwrap();
            aside.write_all(b"of ").unwrap();
            (in_ring, aside)
        };
        let (in_ring, aside) = forked_with(begin(), |(mut in_ring, mut aside)| {
            in_ring.write_all(b"the child\n").unwrap();
            aside.write_all(b"the child\n").unwrap();
            in_ring.commit().unwrap();
            aside.commit().unwrap();
            log.flush_wait(LONG).unwrap();
        });
        for mut grant in [in_ring, aside] {
            grant.write_all(b"the parent\n").unwrap();
            grant.commit().unwrap();
        }
        assert_eq!(guard.close(LONG).written, 2);
        let all = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(all, "of the child\nof the child\nof the parent\nof the parent\n");
    });
}

#[test]
fn an_unfinished_record_is_the_parents() {
    alone("an_unfinished_record_is_the_parents", || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (log, guard) = Writer::builder().append(file.path()).build().unwrap();
        let mut records = log.record_writer();
        records.write_all(b"the parent's ").unwrap();
        write!(&log, "a line of ").unwrap();
        let mut records = forked_with(records, |mut records| {
            records.write_all(b"the child's\n").unwrap();
            writeln!(&log, "and a line").unwrap();
            drop(records);
            log.flush_wait(LONG).unwrap();
        });
        records.write_all(b"own\n").unwrap();
        writeln!(&log, "the parent's").unwrap();
        assert_eq!(guard.close(LONG).written, 2);
        let all = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(all, "the child's\nand a line\nthe parent's own\na line of the parent's\n");
    });
}

/// One handle for all, and a thread that is amid a line as another one forks.
#[test]
fn a_line_that_another_thread_is_at_is_the_parents() {
    alone("a_line_that_another_thread_is_at_is_the_parents", || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (log, guard) = Writer::builder().append(file.path()).build().unwrap();
        let log_line = |end: &str| {
            ["the ", end].iter().for_each(|piece| (&log).write_all(piece.as_bytes()).unwrap());
        };
        let ends = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    log_line("parent's\n");
                }
            });
            for _ in 0..200 {
                forked(|| {
                    log_line("child's\n");
                    log.flush_wait(LONG).unwrap();
                });
            }
            ends.store(true, Ordering::Relaxed);
        });
        assert!(guard.close(LONG).is_complete);
        let all = std::fs::read_to_string(file.path()).unwrap();
        let (childs, parents): (Vec<&str>, Vec<&str>) = all.lines().partition(|line| *line == "the child's");
        assert_eq!(childs.len(), 200);
        assert!(parents.iter().all(|line| *line == "the parent's"));
    });
}

#[test]
fn a_flush_that_the_parent_asked_for_resolves_in_the_child() {
    alone("a_flush_that_the_parent_asked_for_resolves_in_the_child", || {
        let (_reader, writer) = rustix::pipe::pipe().unwrap();
        let (log, guard) = Writer::builder().fd(writer).build().unwrap();
        // More than a pipe holds.
        (0..20).for_each(|_| log.write_record(&[b'x'; 10_000]).unwrap());
        let asked = (log.flush(), log.sync());
        let asked = forked_with(asked, |(flush, sync)| {
            assert!(matches!(block_on(flush), Err(FlushError::Forked)));
            assert!(matches!(block_on(sync), Err(FlushError::Forked)));
        });
        drop(asked);
        assert!(!guard.close(Duration::ZERO).is_complete);
    });
}

/// Threads log by all ways meanwhile, and one forks; so do its children.
#[test]
fn forks_at_any_moment() {
    alone("forks_at_any_moment", || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (log, guard) = Writer::builder().capacity(1024).append(file.path()).build().unwrap();
        let ends = AtomicBool::new(false);
        let parents = AtomicU64::new(0);
        let mut guard = Some(guard);
        // As formatted, in pieces.
        let (rest, half) = ("hild", "p".repeat(5));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let log = log.clone();
                    while !ends.load(Ordering::Relaxed) {
                        for _ in 0..5 {
                            log.write_record(&[&[b'p'; 99][..], b"\n"].concat()).unwrap();
                            writeln!(&log, "{half}{half}").unwrap();
                        }
                        log.flush_wait(LONG).unwrap();
                        parents.fetch_add(10, Ordering::Relaxed);
                    }
                });
            }
            for _ in 0..100 {
                guard = Some(forked_with(guard.take().unwrap(), |guard| {
                    writeln!(&log, "c{rest}").unwrap();
                    log.write_record(b"child\n").unwrap();
                    log.flush_wait(LONG).unwrap();
                    forked(|| {
                        log.write_record(b"grandchild\n").unwrap();
                        log.flush_wait(LONG).unwrap();
                    });
                    log.write_record(b"child\n").unwrap();
                    assert_eq!(guard.close(LONG).written, 3);
                }));
            }
            ends.store(true, Ordering::Relaxed);
        });
        assert_eq!(guard.unwrap().close(LONG).written, parents.load(Ordering::Relaxed));
        let all = std::fs::read_to_string(file.path()).unwrap();
        let count = |wanted: &str| all.lines().filter(|line| *line == wanted).count();
        let ps = all
            .lines()
            .filter(|line| [10, 99].contains(&line.len()) && line.bytes().all(|b| b == b'p'))
            .count();
        assert_eq!((count("child"), count("grandchild")), (300, 100));
        assert_eq!(ps as u64, parents.load(Ordering::Relaxed));
        assert_eq!(all.lines().count(), ps + 400);
    });
}
