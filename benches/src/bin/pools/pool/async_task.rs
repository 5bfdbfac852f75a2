use super::{Caps, Pool};
use ::async_task::{Builder, Runnable};
use crossbeam_queue::SegQueue;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// As long as aside's threads linger by default in their tries.
const LINGER: Duration = Duration::from_micros(50);
/// From one look at the queue to the next, as aside's threads do it.
const LOOK_EVERY: Duration = Duration::from_nanos(100);
/// After a run of jobs, as aside's threads do it: the submitter is likely at work.
const HOLD_OFF: Duration = Duration::from_micros(3);

/// No pool of anybody's: what aside would be if it were put together from `async-task` and `SegQueue`, without its growth,
/// watch, limits and counters. Its threads are fixed and stay until the process ends.
pub(crate) struct AsyncTask(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: SegQueue<Runnable>,
    /// How many are in `parked`, for submitters to see without the lock.
    sleepers: AtomicUsize,
    parked: Mutex<Vec<Thread>>,
}

impl AsyncTask {
    pub(crate) fn new(caps: Caps) -> Self {
        let shared = Arc::new(Shared::default());
        for _ in 0..caps.least {
            let shared = shared.clone();
            thread::spawn(move || shared.work());
        }
        Self(shared)
    }
}

impl Shared {
    fn push(&self, job: Runnable) {
        self.queue.push(job);
        // Between the push and the look at the sleepers; pairs with the fence in `park`.
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::Relaxed) > 0 {
            let mut parked = self.parked.lock().expect("nobody panics with it");
            let sleeper = parked.pop();
            self.sleepers.store(parked.len(), Ordering::Relaxed);
            drop(parked);
            if let Some(sleeper) = sleeper {
                sleeper.unpark();
            }
        }
    }

    fn work(&self) {
        loop {
            let mut jobs = 0_usize;
            while let Some(job) = self.queue.pop() {
                job.run();
                jobs += 1;
            }
            if jobs > 1 {
                spin(HOLD_OFF, || false);
            }
            if !spin(LINGER, || !self.queue.is_empty()) {
                self.park();
            }
        }
    }

    fn park(&self) {
        let mut parked = self.parked.lock().expect("nobody panics with it");
        parked.push(thread::current());
        self.sleepers.store(parked.len(), Ordering::Relaxed);
        // Between the store and the look at the queue; pairs with the fence in `push`.
        fence(Ordering::SeqCst);
        if self.queue.is_empty() {
            drop(parked);
            thread::park();
        } else {
            parked.pop();
            self.sleepers.store(parked.len(), Ordering::Relaxed);
        }
    }
}

/// Spins until `arrived`, but no longer than that; whether it has arrived.
fn spin(longest: Duration, arrived: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    let mut next = LOOK_EVERY;
    while next <= longest {
        if arrived() {
            return true;
        }
        while begun.elapsed() < next {
            spin_loop();
        }
        next += LOOK_EVERY;
    }
    false
}

impl Pool for AsyncTask {
    fn submit<F, T>(&self, job: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let shared = self.0.clone();
        let builder = Builder::new().propagate_panic(true);
        let (runnable, task) = builder.spawn(|()| async move { job() }, move |job| shared.push(job));
        runnable.schedule();
        task
    }
}
