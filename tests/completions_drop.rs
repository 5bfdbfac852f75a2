//! `Completions` that are dropped while callbacks are pending: nothing runs, nothing leaks, nobody is told.

mod util;

use aside::{Completions, Group};
use std::cell::RefCell;
use std::rc::Rc;
use std::thread::current;
use util::probe_waker::ProbeWaker;
use util::{Counter, DropCounter, finished_job, hold_thread, hush, single_thread_group, start_job, watchdog};

#[test]
fn callbacks_go_here_and_queued_jobs_with_them() {
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let [callbacks, closures, outputs] = [(); 3].map(|()| DropCounter::new());
    let rung = Counter::new();
    let rings = rung.clone();
    let completions = Completions::with_notifier(move || rings.add()).unwrap();
    let expect = |offload: aside::Offload<util::DropToken>| {
        let (token, rc) = (callbacks.token(), Rc::new(()));
        offload.on_done_in(&completions, move |_| unreachable!("{:?}", (drop(token), rc)));
    };

    let done = outputs.token();
    expect(finished_job(&group, move || done));
    let held = hold_thread(&group);
    let in_job = outputs.token();
    let running = start_job(&group, move || in_job);
    expect(running.offload);
    for _ in 0..10 {
        let (closure, output) = (closures.token(), outputs.clone());
        expect(group.offload(move || {
            drop(closure);
            output.token()
        }));
    }
    assert_eq!((completions.pending(), rung.get()), (12, 1));
    drop(completions);
    assert_eq!(callbacks.threads(), [current().id(); 12]);
    // Cancelled, here; and the output that was there already is gone too.
    assert_eq!(closures.threads(), [current().id(); 10]);
    assert_eq!(outputs.threads(), [current().id()]);
    let stats = group.stats();
    assert_eq!((stats.queued, stats.running), (0, 2));

    // What runs goes on, and its output is dropped where it ran.
    running.gate.open();
    held.release();
    group.drain().wait();
    assert_eq!(outputs.threads(), [current().id(), running.thread]);
    assert_eq!((callbacks.count(), rung.get()), (12, 1));
}

#[test]
fn taken_keys_are_dropped_too() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let tokens = DropCounter::new();
    let completions = Completions::new().unwrap();
    for _ in 0..5 {
        let token = tokens.token();
        finished_job(&group, || ()).on_done_in(&completions, move |_| drop(token));
    }
    assert_eq!(completions.dispatch_up_to(2, std::time::Duration::MAX), 2);
    drop(completions);
    assert_eq!(tokens.count(), 5);
}

#[test]
fn destructors_that_panic_do_not_keep_the_others_from_being_dropped() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let [callbacks, closures, outputs] = [(); 3].map(|()| DropCounter::new());
    let completions = Completions::new().unwrap();
    for _ in 0..3 {
        let (output, bomb) = (outputs.bomb(), callbacks.bomb());
        finished_job(&group, move || output).on_done_in(&completions, move |_| drop(bomb));
    }
    let held = hold_thread(&group);
    for _ in 0..3 {
        let (closure, bomb) = (closures.bomb(), callbacks.bomb());
        group.offload(move || drop(closure)).on_done_in(&completions, move |_| drop(bomb));
    }
    drop(completions);
    assert_eq!((callbacks.count(), closures.count(), outputs.count()), (6, 3, 3));
    held.release();
}

#[test]
fn both_of_on_complete_in_may_panic_when_dropped() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    let drops = DropCounter::new();
    let completions = Completions::new().unwrap();
    let held = hold_thread(&group);
    let (closure, ok, err) = (drops.bomb(), drops.bomb(), drops.bomb());
    let job = group.offload(move || {
        drop(closure);
        Ok::<_, ()>(())
    });
    job.on_complete_in(&completions, move |()| drop(ok), move |_| drop(err));
    drop(completions);
    assert_eq!(drops.count(), 3);
    held.release();
}

#[test]
fn the_waker_of_next_is_dropped_and_may_panic() {
    let _watchdog = watchdog();
    hush();
    let group = single_thread_group();
    for panics in [false, true] {
        let tokens = DropCounter::new();
        let waker = ProbeWaker::new();
        let completions = Completions::new().unwrap();
        let job = start_job(&group, || ());
        let bomb = tokens.bomb();
        job.offload.on_done_in(&completions, move |_| drop(bomb));
        let mut next = Box::pin(completions.next());
        assert!(next.as_mut().poll(&mut std::task::Context::from_waker(waker.waker())).is_pending());
        drop(next);
        waker.panic_when_dropped(panics);
        drop(completions);
        assert_eq!((tokens.count(), waker.clones() - waker.drops()), (1, 0));
        job.gate.open();
        group.drain().wait();
        assert_eq!(waker.wakes(), 0);
    }
}

/// Of a thread that ends, with jobs in every state.
#[test]
fn in_the_destructor_of_a_thread_local() {
    thread_local!(static COMPLETIONS: RefCell<Option<Completions>> = const { RefCell::new(None) });
    let _watchdog = watchdog();
    let group = Group::builder().max_threads(2).build().unwrap();
    let held = hold_thread(&group);
    let running = start_job(&group, || ());
    let tokens = DropCounter::new();
    let (other, in_thread) = (group.clone(), tokens.clone());
    let (offload, gate) = (running.offload, running.gate);
    let owner = std::thread::spawn(move || {
        let completions = Completions::new().unwrap();
        let token = in_thread.token();
        offload.on_done_in(&completions, move |_| drop(token));
        let token = in_thread.token();
        other.offload(|| ()).on_done_in(&completions, move |_| drop(token));
        assert_eq!(completions.dispatch(), 0);
        COMPLETIONS.set(Some(completions));
        current().id()
    });
    let id = owner.join().unwrap();
    assert_eq!(tokens.threads(), [id, id]);
    gate.open();
    held.release();
    group.drain().wait();
}

#[cfg(unix)]
mod descriptors {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    use util::process::in_child;

    fn open_descriptors() -> usize {
        std::fs::read_dir("/dev/fd").unwrap().count()
    }

    /// A job that ends after the `Completions` is gone writes to no descriptor, not even if another file has the number by then.
    #[test]
    fn nobody_writes_to_a_closed_descriptor() {
        in_child(
            "descriptors::nobody_writes_to_a_closed_descriptor",
            |_| (),
            || {
                let group = Group::builder().max_threads(2).build().unwrap();
                for _ in 0..200 {
                    let completions = Completions::new().unwrap();
                    let jobs = [start_job(&group, || ()), start_job(&group, || ())];
                    let number = completions.as_raw_fd();
                    let gates = jobs.map(|job| {
                        job.offload.on_done_in(&completions, |_| ());
                        job.gate
                    });
                    // One of the two ends while this is dropped.
                    gates[0].open();
                    drop(completions);
                    let pipes: Vec<_> = (0..8)
                        .map(|_| {
                            let (reader, writer) = std::io::pipe().unwrap();
                            (OwnedFd::from(reader), OwnedFd::from(writer))
                        })
                        .collect();
                    let has_number = |end: &OwnedFd| end.as_raw_fd() == number;
                    let is_reused =
                        pipes.iter().any(|(reader, writer)| has_number(reader) || has_number(writer));
                    gates[1].open();
                    group.drain().wait();
                    for (reader, _) in &pipes {
                        let mut fds = [PollFd::new(reader, PollFlags::IN)];
                        assert_eq!(poll(&mut fds, Some(&Timespec::default())), Ok(0), "somebody wrote");
                    }
                    // Not so only if a thread was in the middle of its write when this was dropped.
                    let _ = is_reused;
                }
            },
        );
    }

    #[test]
    fn ten_thousand_one_after_the_other() {
        in_child(
            "descriptors::ten_thousand_one_after_the_other",
            |_| (),
            || {
                let group = Group::builder().max_threads(2).build().unwrap();
                group.offload(|| ()).wait();
                let before = open_descriptors();
                for n in 0..10_000 {
                    let completions = Completions::new().unwrap();
                    let _ = completions.as_fd();
                    group.offload(|| ()).on_done_in(&completions, |_| ());
                    if n % 2 == 0 {
                        completions.wait(None);
                    }
                }
                group.drain().wait();
                assert_eq!(open_descriptors(), before);
            },
        );
    }

    #[test]
    fn no_descriptor_left_is_an_error() {
        in_child(
            "descriptors::no_descriptor_left_is_an_error",
            |_| (),
            || {
                let limit = getrlimit(Resource::Nofile);
                let none = Rlimit { current: Some(0), maximum: limit.maximum };
                setrlimit(Resource::Nofile, none).unwrap();
                let refused = [
                    Completions::new(),
                    Completions::with_notifier(|| ()),
                    #[cfg(target_os = "linux")]
                    Completions::with_signal(libc::SIGURG),
                ];
                setrlimit(Resource::Nofile, limit).unwrap();
                for refused in refused {
                    assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EMFILE));
                }
                let completions = Completions::new().unwrap();
                aside::offload(|| ()).on_done_in(&completions, |_| ());
                assert_eq!(completions.wait(None), 1);
            },
        );
    }
}
