//! What several test files share. Nothing here waits for time to pass: threads wait for each other.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code, unreachable_pub)]

pub mod allocations;
#[cfg(unix)]
pub mod fork;
pub mod probe_waker;
#[cfg(unix)]
pub mod process;
pub mod severe;
pub mod sink;
pub mod source;
pub mod strict;

use aside::{Group, Offload};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Once, mpsc};
use std::thread::{ThreadId, current};
use std::time::Duration;

/// Begins the messages of panics that a test wants: [`hush`] keeps them off the terminal.
pub const EXPECTED: &str = "[expected] ";

/// Panics with a message that [`hush`] keeps off the terminal.
pub fn expected_panic(message: &str) -> ! {
    panic!("{EXPECTED}{message}")
}

/// From now on the panic hook reports only the panics that no test asked for.
pub fn hush() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            let message = payload.downcast_ref::<&str>().copied();
            let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            if !message.is_some_and(|message| message.starts_with(EXPECTED)) {
                report(info);
            }
        }));
    });
}

/// What `f` panics with. Fails the test if it does not.
#[track_caller]
pub fn panic_of<T>(f: impl FnOnce() -> T) -> Box<dyn std::any::Any + Send> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("nothing panicked"),
        Err(payload) => payload,
    }
}

/// The message that `f` panics with.
#[track_caller]
pub fn panic_message_of<T>(f: impl FnOnce() -> T) -> String {
    match panic_of(f).downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a panic with a message")).to_owned(),
    }
}

/// Aborts the process unless dropped within a minute: a hung test fails, with its name.
pub struct Watchdog {
    /// Hangs up when the test ends.
    _leash: mpsc::Sender<()>,
}

pub fn watchdog() -> Watchdog {
    let test = current().name().unwrap_or("a test").to_owned();
    let (leash, test_ended) = mpsc::channel();
    std::thread::spawn(move || {
        if test_ended.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Past the capture of the test harness, which the abort would swallow.
            let _ = writeln!(std::io::stderr(), "{test} hangs");
            std::process::abort();
        }
    });
    Watchdog { _leash: leash }
}

/// Holds back whoever comes to it until it is opened, once and for all.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn open(&self) {
        let (open, opened) = &*self.0;
        *open.lock().unwrap() = true;
        opened.notify_all();
    }

    /// Waits until the gate is open.
    pub fn pass(&self) {
        let (open, opened) = &*self.0;
        drop(opened.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// A group with a single thread, on which jobs run in the order they were queued.
pub fn single_thread_group() -> Group {
    Group::builder().max_threads(1).build().unwrap()
}

/// An offload thread that is stuck in a job, so that what is queued behind it in a group of one thread stays
/// queued. Let go when dropped.
pub struct HeldThread {
    gate: Gate,
    job: Option<Offload<()>>,
    id: ThreadId,
}

/// Holds a thread of the group. It is inside the job when this returns.
pub fn hold_thread(group: &Group) -> HeldThread {
    let gate = Gate::new();
    let (tell_id, id) = mpsc::channel();
    let job = group.offload({
        let gate = gate.clone();
        move || {
            tell_id.send(current().id()).unwrap();
            gate.pass();
        }
    });
    HeldThread { gate, job: Some(job), id: id.recv().unwrap() }
}

impl HeldThread {
    pub fn id(&self) -> ThreadId {
        self.id
    }

    /// Lets the thread go, and waits until it has left the job.
    pub fn release(mut self) {
        self.gate.open();
        self.job.take().unwrap().wait();
    }
}

impl Drop for HeldThread {
    fn drop(&mut self) {
        self.gate.open();
    }
}

/// A job that has started, and goes on when told to.
pub struct RunningJob<T> {
    pub offload: Offload<T>,
    pub gate: Gate,
    /// Where it runs.
    pub thread: ThreadId,
}

/// Queues a job and returns when it has started. It goes on, to `rest`, when the gate is opened.
pub fn start_job<T: Send + 'static>(
    group: &Group,
    rest: impl FnOnce() -> T + Send + 'static,
) -> RunningJob<T> {
    let gate = Gate::new();
    let (tell_id, id) = mpsc::channel();
    let offload = group.offload({
        let gate = gate.clone();
        move || {
            tell_id.send(current().id()).unwrap();
            gate.pass();
            rest()
        }
    });
    RunningJob { offload, gate, thread: id.recv().unwrap() }
}

/// A job that is done when this returns, with its output still to be taken.
pub fn finished_job<T: Send + 'static>(
    group: &Group,
    job: impl FnOnce() -> T + Send + 'static,
) -> Offload<T> {
    let offload = group.offload(job);
    group.drain().wait();
    assert!(offload.is_finished());
    offload
}

/// Counts how often something happens, in any thread.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicUsize>);

impl Counter {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Counts the drops of its tokens, and remembers which threads dropped them.
#[derive(Clone, Default)]
pub struct DropCounter(Arc<Mutex<Vec<ThreadId>>>);

impl DropCounter {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn token(&self) -> DropToken {
        DropToken(self.clone())
    }

    pub fn bomb(&self) -> DropBomb {
        DropBomb(self.token())
    }

    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The threads that dropped the tokens, in the order of the drops.
    pub fn threads(&self) -> Vec<ThreadId> {
        self.0.lock().unwrap().clone()
    }
}

/// Its drop is counted.
pub struct DropToken(DropCounter);

impl Drop for DropToken {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().push(current().id());
    }
}

/// Its drop is counted, and panics.
pub struct DropBomb(DropToken);

impl Drop for DropBomb {
    fn drop(&mut self) {
        expected_panic("the destructor of a bomb");
    }
}

/// A group of one thread and a queue with this much room.
pub fn bounded_group(limit: usize) -> Group {
    Group::builder().max_threads(1).queue_limit(limit).build().unwrap()
}

/// Such a group with its thread held and its queue full.
pub fn full_group(limit: usize) -> (Group, HeldThread, Vec<Offload<()>>) {
    let group = bounded_group(limit);
    let held = hold_thread(&group);
    let queued = (0..limit).map(|_| group.try_offload(|| ()).unwrap()).collect();
    (group, held, queued)
}
