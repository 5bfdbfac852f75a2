//! A callback is added while the system refuses its group a thread: those who wait for the group are told, which is foreign code.
#![cfg(target_os = "linux")]

mod util;

use aside::{Completions, Group};
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use util::Counter;
use util::process::{as_nobody, no_threads};

thread_local! {
    static COMPLETIONS: RefCell<Option<Rc<Completions>>> = const { RefCell::new(None) };
}

/// Uses the completions of the thread that wakes.
struct Looks {
    woken: Counter,
    looked: Counter,
}

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        self.woken.add();
        let completions = COMPLETIONS.with_borrow(|completions| completions.clone().unwrap());
        assert_eq!(completions.dispatch(), 0);
        self.looked.add();
    }
}

#[test]
fn a_drain_that_is_told_may_use_the_completions() {
    as_nobody("a_drain_that_is_told_may_use_the_completions", || {
        let group = Group::builder().min_threads(0).max_threads(1).build().unwrap();
        let completions = Rc::new(Completions::new().unwrap());
        COMPLETIONS.set(Some(completions.clone()));
        let limit = no_threads();
        let job = group.offload(|| 1);
        let looks = Arc::new(Looks { woken: Counter::new(), looked: Counter::new() });
        let mut drain = group.drain();
        let waker = Waker::from(looks.clone());
        assert!(Pin::new(&mut drain).poll(&mut Context::from_waker(&waker)).is_pending());
        let before = (looks.woken.get(), looks.looked.get());
        // Until the group tries again, and is refused again.
        std::thread::sleep(Duration::from_millis(50));
        job.on_done_in(&completions, |one| assert_eq!(one.unwrap(), 1));
        assert_eq!((looks.woken.get(), looks.looked.get()), (before.0 + 1, before.1 + 1));
        drop(limit);
        while completions.pending() > 0 {
            group.offload(|| ()).detach();
            completions.wait(Some(Duration::from_millis(10)));
        }
        COMPLETIONS.set(None);
    });
}
