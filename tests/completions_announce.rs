//! How `Completions` tells of itself: the descriptor, the notifier, the signal.
#![cfg(unix)]

mod util;

use aside::{Completions, Group};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsFd, AsRawFd};
use std::thread::current;
use std::time::Duration;
use util::process::{eventually, in_child};
use util::{Counter, Gate, expected_panic, finished_job, hush, single_thread_group, start_job, watchdog};

fn is_readable(completions: &Completions) -> bool {
    let mut fds = [PollFd::new(completions, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
}

fn until_readable(completions: &Completions) {
    let mut fds = [PollFd::new(completions, PollFlags::IN)];
    assert_eq!(poll(&mut fds, None), Ok(1));
    assert_eq!(fds[0].revents(), PollFlags::IN);
}

/// With a descriptor that has been asked for, and is not readable.
fn watched() -> Completions {
    let completions = Completions::new().unwrap();
    let _ = completions.as_fd();
    assert_eq!(completions.dispatch(), 0);
    assert!(!is_readable(&completions));
    completions
}

fn add_done(group: &Group, completions: &Completions) {
    finished_job(group, || ()).on_done_in(completions, |outcome| outcome.unwrap());
}

#[test]
fn readable_while_there_is_something_to_dispatch() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = watched();
    for _ in 0..3 {
        let job = start_job(&group, || ());
        job.offload.on_done_in(&completions, |outcome| outcome.unwrap());
        assert!(!is_readable(&completions), "nothing is done yet");
        job.gate.open();
        until_readable(&completions);
        add_done(&group, &completions);
        assert!(is_readable(&completions), "readable until it is dispatched");
        assert_eq!(completions.dispatch(), 2);
        assert!(!is_readable(&completions));
    }
}

#[test]
fn a_descriptor_that_is_asked_for_late() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = Completions::new().unwrap();
    add_done(&group, &completions);
    assert!(is_readable(&completions));
    assert_eq!(completions.dispatch(), 1);
    assert!(!is_readable(&completions));
    assert_eq!(completions.as_raw_fd(), completions.as_fd().as_raw_fd());
    assert!(!is_readable(&completions), "asking again is no news");
}

#[test]
fn a_bounded_dispatch_leaves_it_readable() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = watched();
    for _ in 0..5 {
        add_done(&group, &completions);
    }
    for (most, time, ran) in [(0, Duration::MAX, 0), (2, Duration::MAX, 2), (9, Duration::ZERO, 1)] {
        assert_eq!(completions.dispatch_up_to(most, time), ran);
        assert!(is_readable(&completions), "after {ran}");
    }
    assert_eq!(completions.dispatch_up_to(2, Duration::MAX), 2);
    assert!(!is_readable(&completions), "nothing is left");
    assert_eq!(completions.dispatch_up_to(0, Duration::MAX), 0);
    assert!(!is_readable(&completions));
}

#[test]
fn a_panic_leaves_it_as_it_should_be() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let completions = watched();
    for _ in 0..2 {
        finished_job(&group, || ()).on_done_in(&completions, |_| expected_panic("in a callback"));
    }
    util::panic_of(|| completions.dispatch_up_to(1, Duration::MAX));
    assert!(is_readable(&completions));
    util::panic_of(|| completions.dispatch());
    assert!(!is_readable(&completions));
}

#[test]
fn what_wait_and_next_have_run_is_not_announced() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let completions = watched();
    for n in 0..20 {
        let job = start_job(&group, || ());
        job.offload.on_done_in(&completions, |outcome| outcome.unwrap());
        let opener = std::thread::spawn(move || job.gate.open());
        let ran = if n % 2 == 0 {
            completions.wait(None)
        } else {
            futures::executor::block_on(completions.next()).unwrap()
        };
        assert_eq!(ran, 1);
        opener.join().unwrap();
        group.drain().wait();
        // A thread that found this one elsewhere may have rung after the callback ran.
        completions.dispatch();
        assert!(!is_readable(&completions));
    }
}

/// An event loop over the descriptor. No job's end may be missed, or this hangs.
#[cfg(target_os = "linux")]
fn every_job_is_seen_by_epoll(edge_triggered: bool) {
    use rustix::buffer::spare_capacity;
    use rustix::event::epoll::{CreateFlags, EventData, EventFlags, add, create, wait};
    const JOBS: usize = 3000;
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(3).build().unwrap();
    let completions = Completions::new().unwrap();
    let epoll = create(CreateFlags::CLOEXEC).unwrap();
    let flags = if edge_triggered { EventFlags::IN | EventFlags::ET } else { EventFlags::IN };
    add(&epoll, &completions, EventData::new_u64(7), flags).unwrap();
    let (mut submitted, mut ran, mut turns) = (0, 0, 0);
    while ran < JOBS {
        while submitted < JOBS && completions.pending() < 8 {
            group.offload(|| ()).on_done_in(&completions, |outcome| outcome.unwrap());
            submitted += 1;
        }
        let mut events = Vec::with_capacity(4);
        assert_eq!(wait(&epoll, spare_capacity(&mut events), None), Ok(1));
        turns += 1;
        // Now and then none, or not all: the rest is announced again.
        ran += match turns % 5 {
            0 | 1 => completions.dispatch_up_to(turns % 5, Duration::MAX),
            2 => completions.dispatch_up_to(9, Duration::ZERO),
            _ => completions.dispatch(),
        };
    }
    assert_eq!(ran, JOBS);
}

#[cfg(target_os = "linux")]
#[test]
fn level_triggered() {
    every_job_is_seen_by_epoll(false);
}

#[cfg(target_os = "linux")]
#[test]
fn edge_triggered() {
    every_job_is_seen_by_epoll(true);
}

/// A loop whose budget is 0 for once gets another edge.
#[cfg(target_os = "linux")]
#[test]
fn edge_triggered_without_a_budget() {
    use rustix::buffer::spare_capacity;
    use rustix::event::epoll::{CreateFlags, EventData, EventFlags, add, create, wait};
    let _watchdog = watchdog();
    let group = single_thread_group();
    let completions = watched();
    let epoll = create(CreateFlags::CLOEXEC).unwrap();
    add(&epoll, &completions, EventData::new_u64(7), EventFlags::IN | EventFlags::ET).unwrap();
    let edges = || {
        let mut events = Vec::with_capacity(4);
        wait(&epoll, spare_capacity(&mut events), Some(&Timespec::default())).unwrap()
    };
    add_done(&group, &completions);
    assert_eq!((edges(), edges()), (1, 0));
    for most in [0, 0] {
        assert_eq!(completions.dispatch_up_to(most, Duration::MAX), 0);
        assert_eq!((edges(), edges()), (1, 0), "what is left is announced again");
    }
    assert_eq!((completions.dispatch(), edges()), (1, 0));
    assert_eq!((completions.dispatch_up_to(0, Duration::MAX), edges()), (0, 0));
}

#[test]
fn the_notifier_is_called_for_the_first_only() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let called = Counter::new();
    let calls = called.clone();
    let completions = Completions::with_notifier(move || calls.add()).unwrap();
    for round in 1..=3 {
        for _ in 0..4 {
            add_done(&group, &completions);
        }
        assert_eq!(called.get(), round);
        assert_eq!(completions.dispatch(), 4);
        assert_eq!((called.get(), completions.dispatch()), (round, 0));
    }
    // And again if something is left.
    for _ in 0..3 {
        add_done(&group, &completions);
    }
    assert_eq!(completions.dispatch_up_to(1, Duration::MAX), 1);
    assert_eq!(called.get(), 5);
    assert_eq!(completions.dispatch_up_to(2, Duration::MAX), 2);
    assert_eq!(called.get(), 5);
}

#[test]
fn jobs_that_end_during_a_dispatch_are_not_announced() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let called = Counter::new();
    let calls = called.clone();
    let completions = Completions::with_notifier(move || calls.add()).unwrap();
    let job = start_job(&group, || ());
    job.offload.on_done_in(&completions, |outcome| outcome.unwrap());
    let (gate, others): (Gate, Group) = (job.gate, group.clone());
    let first = group.offload(|| ());
    eventually("the job is done", || first.is_finished());
    first.on_done_in(&completions, move |_| {
        gate.open();
        others.drain().wait();
    });
    assert_eq!((called.get(), completions.dispatch(), called.get()), (1, 2, 1));
}

#[test]
fn a_notifier_that_panics_does_no_harm() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let called = Counter::new();
    let calls = called.clone();
    let completions = Completions::with_notifier(move || {
        calls.add();
        expected_panic("in the notifier");
    })
    .unwrap();
    // On the offload thread.
    let job = start_job(&group, || ());
    job.offload.on_done_in(&completions, |outcome| outcome.unwrap());
    job.gate.open();
    group.drain().wait();
    assert_eq!((called.get(), completions.dispatch()), (1, 1));
    // On this thread: as a callback comes too late, and as a dispatch leaves something.
    add_done(&group, &completions);
    add_done(&group, &completions);
    assert_eq!((called.get(), completions.dispatch_up_to(1, Duration::MAX)), (2, 1));
    assert_eq!((called.get(), completions.dispatch()), (3, 1));
}

#[test]
fn the_notifier_is_dropped_with_the_rest() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let drops = util::DropCounter::new();
    let token = drops.token();
    let completions = Completions::with_notifier(move || _ = &token).unwrap();
    add_done(&group, &completions);
    drop(completions);
    assert_eq!(drops.threads(), [current().id()]);
}

#[cfg(target_os = "linux")]
mod signals {
    use super::*;
    use std::io::ErrorKind;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn action_of(signal: i32) -> libc::sigaction {
        // SAFETY: all zeros are a valid `sigaction`, and the pointers are null or to it.
        unsafe {
            let mut action = std::mem::zeroed();
            assert_eq!(libc::sigaction(signal, std::ptr::null(), &raw mut action), 0);
            action
        }
    }

    fn set_action(signal: i32, handler: libc::sighandler_t, flags: i32) {
        // SAFETY: as above; the handlers of this file only count.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler;
            action.sa_flags = flags;
            assert_eq!(libc::sigaction(signal, &raw const action, std::ptr::null_mut()), 0);
        }
    }

    static HANDLED: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn counting(_: libc::c_int) {
        HANDLED.fetch_add(1, Ordering::SeqCst);
    }

    fn counting_handler() -> libc::sighandler_t {
        counting as extern "C" fn(libc::c_int) as libc::sighandler_t
    }

    /// Jobs that end only once this thread sleeps in its system call: each end interrupts it.
    fn assert_interrupts(completions: &Completions) {
        let group = single_thread_group();
        let owner = rustix::thread::gettid().as_raw_nonzero();
        for _ in 0..5 {
            let job = start_job(&group, move || {
                eventually("the owner sleeps", || {
                    let stat = std::fs::read_to_string(format!("/proc/self/task/{owner}/stat")).unwrap();
                    stat.rsplit(')').next().unwrap().starts_with(" S")
                        && std::fs::read_to_string(format!("/proc/self/task/{owner}/syscall")).map_or(
                            true,
                            |call| {
                                call.starts_with(&format!("{} ", libc::SYS_ppoll))
                                    || call.starts_with(&format!("{} ", libc::SYS_poll))
                            },
                        )
                });
            });
            job.offload.on_done_in(completions, |outcome| outcome.unwrap());
            job.gate.open();
            // For ever, but for the signal.
            assert_eq!(poll(&mut [], None), Err(rustix::io::Errno::INTR));
            assert_eq!(completions.dispatch(), 1);
        }
    }

    #[test]
    fn a_blocking_call_returns_eintr() {
        in_child(
            "signals::a_blocking_call_returns_eintr",
            |_| (),
            || {
                for signal in [libc::SIGURG, libc::SIGRTMIN() + 3, libc::SIGTERM] {
                    let completions = Completions::with_signal(signal).unwrap();
                    assert_interrupts(&completions);
                    // A second one with the same signal.
                    assert_interrupts(&Completions::with_signal(signal).unwrap());
                    assert_eq!(action_of(signal).sa_flags & libc::SA_RESTART, 0);
                }
            },
        );
    }

    #[test]
    fn the_handler_stays() {
        in_child(
            "signals::the_handler_stays",
            |_| (),
            || {
                drop(Completions::with_signal(libc::SIGTERM).unwrap());
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM)
                    .unwrap();
            },
        );
    }

    #[test]
    fn somebody_elses_handler_is_not_overwritten() {
        in_child(
            "signals::somebody_elses_handler_is_not_overwritten",
            |_| (),
            || {
                set_action(libc::SIGUSR1, counting_handler(), 0);
                assert_interrupts(&Completions::with_signal(libc::SIGUSR1).unwrap());
                assert_eq!(HANDLED.load(Ordering::SeqCst), 5);
                set_action(libc::SIGUSR2, counting_handler(), libc::SA_RESTART);
                let refused = Completions::with_signal(libc::SIGUSR2).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
                for signal in [libc::SIGUSR1, libc::SIGUSR2] {
                    assert_eq!(action_of(signal).sa_sigaction, counting_handler());
                }
            },
        );
    }

    #[test]
    fn signals_that_cannot_be_used() {
        in_child(
            "signals::signals_that_cannot_be_used",
            |_| (),
            || {
                set_action(libc::SIGUSR1, libc::SIG_IGN, 0);
                // The runtime of Rust ignores `SIGPIPE`.
                for signal in [libc::SIGUSR1, libc::SIGPIPE] {
                    let refused = Completions::with_signal(signal).unwrap_err();
                    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
                    assert!(refused.to_string().contains("ignored"), "{refused}");
                    assert_eq!(action_of(signal).sa_sigaction, libc::SIG_IGN);
                }
                use libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSTOP, SIGTRAP};
                let faults = [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP];
                for signal in
                    faults.into_iter().chain([SIGKILL, SIGSTOP, 0, -1, 32, 33, 65, i32::MAX, i32::MIN])
                {
                    let refused = Completions::with_signal(signal).unwrap_err();
                    assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{signal}");
                }
            },
        );
    }

    #[test]
    fn only_the_first_of_many_sends_one() {
        in_child(
            "signals::only_the_first_of_many_sends_one",
            |_| (),
            || {
                set_action(libc::SIGUSR1, counting_handler(), 0);
                let completions = Completions::with_signal(libc::SIGUSR1).unwrap();
                let group = single_thread_group();
                for round in 1..=3 {
                    for _ in 0..10 {
                        add_done(&group, &completions);
                    }
                    assert_eq!((HANDLED.load(Ordering::SeqCst), completions.dispatch()), (round, 10));
                }
                drop(completions);
                assert_eq!(HANDLED.load(Ordering::SeqCst), 3);
            },
        );
    }
}
