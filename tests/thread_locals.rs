//! Jobs and thread-locals: destructors that use this crate while their thread ends, and destructors that panic.
#![cfg(unix)]

mod util;

use aside::{Group, JobError};
use futures::executor::block_on;
use std::cell::RefCell;
use std::os::unix::process::ExitStatusExt;
use std::sync::mpsc;
use std::time::Duration;
use util::process::{child, is_child};
use util::{Counter, expected_panic, hold_thread, hush, watchdog};

/// Runs its function when dropped.
struct AtEnd(Option<Box<dyn FnOnce()>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

thread_local! {
    static AT_END: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
}

/// Has `f` run by the destructor of a thread-local of the calling thread.
fn at_end_of_thread(f: impl FnOnce() + 'static) {
    AT_END.with(|at_end| at_end.borrow_mut().0 = Some(Box::new(f)));
}

/// Everything that a destructor may want of this crate.
fn use_everything(tell: &mpsc::Sender<usize>, closed: Option<&Group>) {
    let mut done = 0;
    done += aside::offload(|| 1).wait();
    done += block_on(aside::offload(|| 1));
    done += Group::global().offload_all([|| 1, || 1]).wait().len();
    let group = util::single_thread_group();
    let held = hold_thread(&group);
    drop(group.offload(|| unreachable!("cancelled")));
    assert!(group.offload(|| ()).wait_deadline(Duration::from_millis(1)).is_err());
    done += usize::from(group.offload(|| ()).cancel().wait().is_none());
    held.release();
    group.offload(|| ()).on_done(|_| ());
    group.drain().wait();
    done += usize::from(group.shutdown(Duration::MAX).is_nothing());
    if let Some(closed) = closed {
        assert!(matches!(closed.offload(|| ()).catch().wait(), Err(JobError::Cancelled)));
    }
    tell.send(done).unwrap();
}

#[test]
fn a_plain_thread_that_has_waited_before() {
    let _watchdog = watchdog();
    for wait_first in [false, true] {
        let (tell, hear) = mpsc::channel();
        // The destructors run in the order, or the opposite order, of the first uses.
        let thread = std::thread::spawn(move || {
            if wait_first {
                aside::offload(|| ()).wait();
            }
            at_end_of_thread(move || use_everything(&tell, None));
            aside::offload(|| ()).wait();
        });
        assert_eq!(hear.recv(), Ok(6));
        thread.join().unwrap();
    }
}

#[test]
fn a_plain_thread_that_has_not() {
    let _watchdog = watchdog();
    let (tell, hear) = mpsc::channel();
    let thread = std::thread::spawn(move || at_end_of_thread(move || use_everything(&tell, None)));
    assert_eq!(hear.recv(), Ok(6));
    thread.join().unwrap();
}

#[test]
fn an_offload_thread_of_a_group_that_ends() {
    let _watchdog = watchdog();
    for waited in [false, true] {
        let group = util::single_thread_group();
        let (tell, hear) = mpsc::channel();
        let own = group.clone();
        let job = group.offload(move || {
            if waited {
                aside::offload(|| ()).wait();
            }
            at_end_of_thread(move || use_everything(&tell, Some(&own)));
        });
        job.wait();
        assert_eq!(hear.try_recv(), Err(mpsc::TryRecvError::Empty));
        group.close();
        assert_eq!(hear.recv(), Ok(6));
    }
}

#[test]
fn an_offload_thread_that_retires() {
    let _watchdog = watchdog();
    let group = Group::builder().min_threads(0).keep_alive(Duration::ZERO).build().unwrap();
    for n in 0..20 {
        let (tell, hear) = mpsc::channel();
        let own = group.clone();
        let job = group.offload(move || {
            at_end_of_thread(move || {
                // It works for nobody any more: another thread of the group has to run this.
                let elsewhere = own.offload(|| std::thread::current().id()).wait();
                tell.send((elsewhere, std::thread::current().id())).unwrap();
                own.offload(|| ()).detach();
            });
            n
        });
        assert_eq!(job.wait(), n);
        let (elsewhere, here) = hear.recv().unwrap();
        assert_ne!(elsewhere, here);
    }
    group.drain().wait();
    util::process::eventually("all have retired", || group.stats().threads == 0);
}

#[test]
fn offloads_kept_in_thread_locals() {
    thread_local! {
        static KEPT: RefCell<Vec<aside::Offload<()>>> = const { RefCell::new(Vec::new()) };
        static GROUP: RefCell<Option<Group>> = const { RefCell::new(None) };
    }
    let _watchdog = watchdog();
    let group = util::single_thread_group();
    let held = hold_thread(&group);
    let inner = group.clone();
    std::thread::spawn(move || {
        KEPT.with(|kept| {
            kept.borrow_mut().extend((0..100).map(|_| inner.offload(|| unreachable!("cancelled"))))
        });
        // The last handle of a group, with a job in it.
        let own = util::single_thread_group();
        own.offload(|| ()).detach();
        GROUP.with(|group| *group.borrow_mut() = Some(own));
    })
    .join()
    .unwrap();
    // `join` may return before the destructors have run.
    util::process::eventually("the destructors cancel them", || group.stats().cancelled == 100);
    held.release();
}

#[test]
fn a_panic_of_a_job_leaves_thread_locals_alone() {
    let _watchdog = watchdog();
    hush();
    thread_local! {
        static JOBS: RefCell<usize> = const { RefCell::new(0) };
    }
    let group = util::single_thread_group();
    let ended = Counter::new();
    for n in 1..=3 {
        let at_end = ended.clone();
        let job = group.offload(move || {
            at_end_of_thread(move || at_end.add());
            let jobs = JOBS.with(|jobs| {
                *jobs.borrow_mut() += 1;
                *jobs.borrow()
            });
            std::panic::panic_any(jobs);
        });
        let Err(JobError::Panicked(panic)) = job.catch().wait() else { panic!("it panicked") };
        assert_eq!(panic.downcast_ref::<usize>(), Some(&n), "the same thread goes on");
        assert!(ended.get() < n);
    }
    group.offload(|| at_end_of_thread(|| ())).wait();
}

/// Not of this crate's making: the standard library has no way to go on.
#[test]
fn a_destructor_that_panics_aborts_the_process() {
    let _watchdog = watchdog();
    if is_child() {
        hush();
        let group = util::single_thread_group();
        group.offload(|| at_end_of_thread(|| expected_panic("in a thread-local"))).wait();
        drop(group);
        // The abort comes from the offload thread.
        loop {
            std::thread::park();
        }
    }
    let output = child("a_destructor_that_panics_aborts_the_process").output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("thread local panicked on drop"), "{stderr}");
    assert!(!stderr.contains("hangs"), "{stderr}");
}
