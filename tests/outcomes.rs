//! Every way in which a job can end, seen through every way to ask for its outcome.

mod util;

use aside::{Cancel, Catch, Deadline, Failure, JobError, Offload, Panic};
use futures::executor::block_on;
use futures::future::FusedFuture;
use std::cell::Cell;
use std::error::Error;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use util::{
    EXPECTED, expected_panic, finished_job, hush, panic_message_of, panic_of, single_thread_group, watchdog,
};

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn the_value_comes_out_whichever_way_it_is_asked_for() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    assert_eq!(group.offload(|| "waited".to_owned()).wait(), "waited");
    assert_eq!(block_on(group.offload(|| "awaited".to_owned())), "awaited");
    assert_eq!(group.offload(|| 1).catch().wait().unwrap(), 1);
    assert_eq!(block_on(group.offload(|| 2).catch()).unwrap(), 2);
    assert_eq!(group.offload(|| 3).wait_deadline(Deadline::NEVER).unwrap(), 3);
    assert_eq!(aside::offload(|| 4).wait(), 4);
}

#[test]
fn a_panic_resumes_in_the_awaiter_with_the_same_payload() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let payload = Arc::new("what the job panicked with");
    let is_the_same = |caught: Box<dyn std::any::Any + Send>| {
        caught.downcast_ref::<Arc<&str>>().is_some_and(|caught| Arc::ptr_eq(caught, &payload))
    };
    let panicking = || {
        let payload = payload.clone();
        group.offload(move || -> u8 { panic_any(payload) })
    };

    assert!(is_the_same(panic_of(|| panicking().wait())));
    assert!(is_the_same(panic_of(|| block_on(panicking()))));
    assert!(is_the_same(panic_of(|| panicking().wait_deadline(Deadline::NEVER).is_ok())));
    // Ready on the first poll, too.
    let mut finished = finished_job(&group, {
        let payload = payload.clone();
        move || -> u8 { panic_any(payload) }
    });
    assert!(is_the_same(panic_of(|| poll(&mut finished))));
    assert!(finished.is_terminated());
    assert_eq!(group.stats().panicked, 4);
}

fn caught_panic<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Panic {
    let group = single_thread_group();
    match group.offload(job).catch().wait() {
        Err(JobError::Panicked(panic)) => panic,
        Err(JobError::Cancelled) => panic!("cancelled"),
        Ok(_) => panic!("did not panic"),
    }
}

#[test]
fn catch_tells_what_the_job_panicked_with() {
    let _watchdog = watchdog();
    hush();
    let literal = caught_panic(|| panic!("[expected] a literal"));
    assert_eq!(literal.message(), Some("[expected] a literal"));
    assert_eq!(literal.downcast_ref::<&str>(), Some(&"[expected] a literal"));
    assert_eq!(literal.to_string(), "the job panicked: [expected] a literal");
    assert_eq!(format!("{literal:?}"), r#"Panic("[expected] a literal")"#);

    let formatted = caught_panic(|| expected_panic("formatted"));
    assert_eq!(formatted.message(), Some(format!("{EXPECTED}formatted").as_str()));
    assert!(formatted.downcast_ref::<String>().is_some());

    let typed = caught_panic(|| panic_any(17_u64));
    assert_eq!(typed.message(), None);
    assert_eq!(typed.downcast_ref::<u64>(), Some(&17));
    assert_eq!(typed.downcast_ref::<u32>(), None);
    assert_eq!(typed.to_string(), "the job panicked");
    assert_eq!(*panic_of(|| typed.resume()).downcast::<u64>().unwrap(), 17);

    let awaited = block_on(single_thread_group().offload(|| -> u8 { panic_any(18_u64) }).catch());
    let Err(JobError::Panicked(panic)) = awaited else { panic!("{awaited:?}") };
    assert_eq!(*panic.into_inner().downcast::<u64>().unwrap(), 18);
}

#[test]
fn a_job_that_its_group_does_not_take_is_cancelled() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    group.close();
    assert!(matches!(group.offload(|| 1).catch().wait(), Err(JobError::Cancelled)));
    assert!(matches!(block_on(group.offload(|| 1).catch()), Err(JobError::Cancelled)));
    assert_eq!(group.offload(|| 1).cancel().wait(), None);
    assert!(panic_message_of(|| group.offload(|| 1).wait()).contains("cancelled"));
    assert!(panic_message_of(|| block_on(group.offload(|| 1))).contains("cancelled"));
    assert_eq!(JobError::Cancelled.to_string(), "the job was cancelled before it started");
}

#[test]
fn errors_have_their_source_and_convert_like_any_other() {
    let failed: Failure<io::Error> = Failure::Failed(io::Error::other("the disk is full"));
    assert_eq!(failed.to_string(), "the job failed: the disk is full");
    assert_eq!(failed.source().unwrap().to_string(), "the disk is full");

    hush();
    let panicked: Failure<io::Error> = JobError::Panicked(caught_panic(|| expected_panic("lost"))).into();
    assert_eq!(panicked.to_string(), "the job panicked: [expected] lost");
    assert!(panicked.source().is_none());

    let cancelled: Failure<io::Error> = JobError::Cancelled.into();
    assert!(matches!(cancelled, Failure::Cancelled));
    assert!(cancelled.source().is_none());

    let boxed: Box<dyn Error + Send + Sync> = failed.into();
    assert!(boxed.downcast_ref::<Failure<io::Error>>().is_some());
    let boxed: Box<dyn Error + Send + Sync> = JobError::Cancelled.into();
    assert!(boxed.downcast_ref::<JobError>().is_some());
}

/// Compiles only if the promises about auto traits hold.
const _: () = {
    const fn error<E: Error + Send + Sync + 'static>() {}
    const fn shared<T: Send + Sync>() {}
    const fn future<F: Future + FusedFuture + Send + Sync + Unpin>() {}
    /// `Send`, and neither `Sync` nor `Unpin`.
    struct Awkward(#[allow(dead_code)] Cell<u8>, #[allow(dead_code)] PhantomPinned);

    error::<JobError>();
    error::<Failure<io::Error>>();
    shared::<Panic>();
    future::<Offload<Awkward>>();
    future::<Catch<Awkward>>();
    future::<Cancel<Awkward>>();
};

#[test]
fn a_job_is_finished_when_it_is_done_and_not_before() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let running = util::start_job(&group, || 5);
    let queued = group.offload(|| 6).catch();
    assert!(!running.offload.is_finished());
    assert!(!queued.is_finished());
    running.gate.open();
    group.drain().wait();
    assert!(running.offload.is_finished());
    assert!(queued.is_finished());
    assert_eq!(running.offload.wait(), 5);
    assert_eq!(queued.wait().unwrap(), 6);
}

#[test]
fn a_future_is_terminated_once_it_has_given_its_output() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut running = util::start_job(&group, || 5);
    assert!(poll(&mut running.offload).is_pending());
    assert!(!running.offload.is_terminated());
    running.gate.open();
    group.drain().wait();
    assert!(!running.offload.is_terminated());
    assert_eq!(poll(&mut running.offload), Poll::Ready(5));
    assert!(running.offload.is_terminated());
    assert!(running.offload.is_finished());

    let mut catch = finished_job(&group, || 6).catch();
    assert!(!catch.is_terminated());
    assert!(matches!(poll(&mut catch), Poll::Ready(Ok(6))));
    assert!(catch.is_terminated());

    let mut cancel = finished_job(&group, || 7).cancel();
    assert!(!cancel.is_terminated());
    assert_eq!(poll(&mut cancel), Poll::Ready(Some(7)));
    assert!(cancel.is_terminated());
}

#[test]
fn a_poll_after_the_output_was_given_panics() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut offload = finished_job(&group, || 5);
    assert_eq!(poll(&mut offload), Poll::Ready(5));
    assert!(panic_message_of(|| poll(&mut offload)).contains("polled after"));
    // And nothing is broken by it.
    drop(offload);
    assert_eq!(group.offload(|| 6).wait(), 6);
}

#[test]
fn debug_output_says_where_the_job_is() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut running = util::start_job(&group, || ());
    let queued = group.offload(|| ());
    assert_eq!(format!("{:?}", running.offload), "Offload(running)");
    assert_eq!(format!("{queued:?}"), "Offload(queued)");
    assert!(format!("{:?}", queued.cancel()).contains("cancelled"));
    running.gate.open();
    group.drain().wait();
    assert_eq!(format!("{:?}", running.offload), "Offload(finished)");
    assert_eq!(poll(&mut running.offload), Poll::Ready(()));
    assert_eq!(format!("{:?}", running.offload), "Offload(taken)");
}

#[test]
fn a_wait_whose_deadline_passes_gives_the_handle_back() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let running = util::start_job(&group, || 5);
    let queued = group.offload(|| 6);
    // The gate is closed, so however long the waits take, they cannot succeed.
    let offload = running.offload.wait_deadline(Duration::ZERO).unwrap_err();
    let offload = offload.wait_deadline(Duration::from_millis(5)).unwrap_err();
    let queued = queued.wait_deadline(Duration::from_millis(5)).unwrap_err();
    running.gate.open();
    assert_eq!(offload.wait_deadline(Deadline::NEVER).unwrap(), 5);
    assert_eq!(block_on(queued), 6);
    // What is there already needs no time.
    assert_eq!(finished_job(&group, || 7).wait_deadline(Duration::ZERO).unwrap(), 7);
    assert_eq!(group.stats().cancelled, 0);
}
