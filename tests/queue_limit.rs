//! A bounded queue: who is refused, and what frees room.

mod util;

use aside::{Offload, RejectReason};
use util::{Counter, bounded_group, full_group, hold_thread, watchdog};

#[test]
fn a_full_queue_gives_the_closure_back() {
    let _watchdog = watchdog();
    for limit in [1, 2, 100] {
        let (group, held, queued) = full_group(limit);
        let precious = String::from("precious");
        let rejected = group.try_offload(move || precious).unwrap_err();
        assert!(rejected.is_full() && matches!(rejected.reason(), RejectReason::Full));
        let (job, reason) = rejected.into_parts();
        assert_eq!(
            (job(), reason.to_string().as_str()),
            ("precious".to_owned(), "the group's queue is full")
        );
        assert_eq!((group.stats().queued, group.stats().submitted), (limit, limit + 1));
        held.release();
        queued.into_iter().for_each(Offload::wait);
        assert_eq!(group.try_offload(|| 1).unwrap().wait(), 1);
    }
}

#[test]
fn a_running_job_takes_no_room() {
    let _watchdog = watchdog();
    let group = bounded_group(1);
    let held = hold_thread(&group);
    let queued = group.try_offload(|| 1).unwrap();
    assert!(group.try_offload(|| 2).unwrap_err().is_full());
    held.release();
    assert_eq!(queued.wait(), 1);
}

#[test]
fn offload_goes_beyond_the_limit_and_counts() {
    let _watchdog = watchdog();
    let (group, held, mut queued) = full_group(2);
    queued.extend((0..3).map(|_| group.offload(|| ())));
    let batch = group.offload_all((0..4).map(|n| move || n));
    assert_eq!(group.stats().queued, 9);
    // Two are accepted again only when eight have gone.
    for _ in 0..3 {
        assert!(group.try_offload(|| ()).unwrap_err().is_full());
        drop(queued.pop());
    }
    assert!(group.try_offload(|| ()).unwrap_err().is_full());
    drop(batch);
    assert_eq!(group.stats().queued, 2);
    assert!(group.try_offload(|| ()).unwrap_err().is_full());
    drop(queued.pop());
    queued.push(group.try_offload(|| ()).unwrap());
    assert!(group.try_offload(|| ()).unwrap_err().is_full());
    held.release();
    queued.into_iter().for_each(Offload::wait);
}

#[test]
fn a_cancelled_job_frees_its_room() {
    let _watchdog = watchdog();
    let (group, held, mut queued) = full_group(2);
    drop(queued.pop());
    let again = group.try_offload(|| 1).unwrap();
    assert!(group.try_offload(|| ()).unwrap_err().is_full());
    assert!(queued.pop().unwrap().cancel().never_ran());
    let and_again = group.try_offload(|| 2).unwrap();
    assert!(group.try_offload(|| ()).unwrap_err().is_full());
    held.release();
    assert_eq!((again.wait(), and_again.wait()), (1, 2));
    // And once only: the room of all jobs so far is back, and no more than that.
    let held = hold_thread(&group);
    let _queued = [group.try_offload(|| ()).unwrap(), group.try_offload(|| ()).unwrap()];
    assert!(group.try_offload(|| ()).unwrap_err().is_full());
    held.release();
}

#[test]
fn a_job_run_by_its_waiter_frees_its_room() {
    let _watchdog = watchdog();
    let group = bounded_group(1);
    let inner = group.clone();
    let sum =
        group.offload(move || (0..100).map(|n| inner.try_offload(move || n).unwrap().wait()).sum::<i32>());
    assert_eq!(sum.wait(), 4950);
}

#[test]
fn callbacks_need_no_room() {
    let _watchdog = watchdog();
    let group = bounded_group(1);
    let done = util::finished_job(&group, || 1);
    let held = hold_thread(&group);
    let _queued = group.try_offload(|| ()).unwrap();
    let called = Counter::new();
    let count = called.clone();
    done.on_done(move |_| count.add());
    held.release();
    group.drain().wait();
    assert_eq!(called.get(), 1);
}
