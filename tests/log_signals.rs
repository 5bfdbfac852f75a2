//! Signals interrupt the thread that logs and the thread that writes, in whatever they wait for, and system calls are not restarted after them.
#![cfg(target_os = "linux")]

mod util;

use aside::log::{Reaction, Writer};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use util::fork::alone;
use util::process::threads_named;

const LONG: Duration = Duration::from_secs(50);
const RECORDS: usize = 3_000;

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handler(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

fn handle() {
    // SAFETY: all zeros are a valid `sigaction`; the handler adds to an atomic, and nothing else.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
}

fn interrupt(thread: i32) {
    // SAFETY: takes numbers only.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGUSR1) };
}

/// Into a pipe that is read slowly, while both threads are interrupted all the time.
fn assert_undisturbed(reader: OwnedFd, writer: OwnedFd) {
    handle();
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    let builder = Writer::builder().capacity(1024).fd(writer);
    // Interrupted calls are no errors.
    let (log, guard) = builder.on_error(|_, _| Reaction::Stop).build().unwrap();
    let drain = threads_named("aside-log")[0];
    let me = rustix::thread::gettid().as_raw_nonzero().get();
    let is_done = AtomicBool::new(false);
    let text = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                interrupt(drain);
                interrupt(me);
                thread::yield_now();
            }
        });
        let read = scope.spawn(|| {
            let (mut reader, mut text, mut part) = (std::fs::File::from(reader), Vec::new(), [0; 1_000]);
            loop {
                match reader.read(&mut part).unwrap() {
                    0 => return text,
                    n => text.extend_from_slice(&part[..n]),
                }
                let before = HANDLED.load(Ordering::Relaxed);
                while HANDLED.load(Ordering::Relaxed) < before + 3 && !is_done.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
            }
        });
        for number in 0..RECORDS {
            log.write_record(format!("{number} {}\n", "x".repeat(number % 300)).as_bytes()).unwrap();
            if number % 500 == 0 {
                log.flush_wait(LONG).unwrap();
            }
        }
        let report = guard.close(LONG);
        assert!(report.is_complete && report.lost == 0, "{report}");
        drop(log);
        is_done.store(true, Ordering::Relaxed);
        read.join().unwrap()
    });
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().count(), RECORDS);
    for (number, line) in text.lines().enumerate() {
        assert_eq!(line, format!("{number} {}", "x".repeat(number % 300)));
    }
    assert!(HANDLED.load(Ordering::Relaxed) > 100);
}

#[test]
fn in_a_write_that_blocks() {
    alone("in_a_write_that_blocks", || {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        assert_undisturbed(reader, writer);
    });
}

#[test]
fn in_a_wait_for_a_descriptor_that_does_not() {
    alone("in_a_wait_for_a_descriptor_that_does_not", || {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        assert_undisturbed(reader, writer);
    });
}
