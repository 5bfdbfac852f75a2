//! Model-checked: the strand by itself, with a queue for a host, under every interleaving that loom finds with a bounded number of
//! preemptions: more of them than a whole lane on a whole group (`lane/model.rs`) allows. Its body can be touched by one thread at a time only,
//! and loom looks that each comes after the one before.

use super::{Running, Strand, Strung};
use crate::job::model::{ByHand, run};
use crate::job::{Beside, Popped, Queue, new};
use crate::sync::{AtomicUsize, Ordering, UnsafeCell, check_bounded, loom_fence, yield_now};
use loom::thread::{self, JoinHandle};
use std::sync::{Arc, Weak};

type Host = Queue<Beside<()>>;
type Core = Strand<Body>;

struct Body {
    host: Arc<Host>,
    /// How many jobs have run. The value that a lane has.
    value: UnsafeCell<usize>,
    /// The same, for those who look from outside.
    ran: Arc<AtomicUsize>,
    /// Where each job makes way.
    makes_way: bool,
    waiting: AtomicUsize,
}

// SAFETY: `value` is touched by who runs the strand; whether that is one at a time is what the models look at.
unsafe impl Sync for Body {}

impl Strung for Body {
    fn run(running: Running<Self>) {
        run_all(running, None);
    }

    fn cancel(_: Running<Self>) -> bool {
        unreachable!("the host does not end");
    }

    fn is_orphaned(&self) -> bool {
        false
    }
}

/// What is to be seen of a strand without holding it.
#[derive(Clone)]
struct Outside {
    core: Weak<Core>,
    host: Arc<Host>,
    ran: Arc<AtomicUsize>,
}

fn strand(makes_way: bool) -> (Arc<Core>, Outside) {
    let host = Arc::new(Host::new(Beside::new(())));
    let ran = Arc::new(AtomicUsize::new(0));
    let (value, waiting) = (UnsafeCell::new(0), AtomicUsize::new(0));
    let body = Body { host: host.clone(), value, ran: ran.clone(), makes_way, waiting };
    let core = Arc::new(Strand::new(body));
    let outside = Outside { core: Arc::downgrade(&core), host, ran };
    (core, outside)
}

impl Outside {
    fn ran(&self) -> usize {
        self.ran.load(Ordering::Acquire)
    }

    /// Runs one turn, if one is queued.
    fn work_once(&self) -> bool {
        let Popped::Task(task, _) = self.host.pop() else { return false };
        run(task);
        true
    }

    /// As a worker of the host: until so many jobs have run, and no turn is left.
    fn work(&self, jobs: usize) {
        loop {
            let is_done = self.ran() == jobs;
            if !self.work_once() {
                if is_done && self.host.len() == 0 {
                    return;
                }
                yield_now();
            }
        }
    }

    /// The same, on a thread of its own.
    fn worker(&self, jobs: usize) -> JoinHandle<()> {
        let outside = self.clone();
        thread::spawn(move || outside.work(jobs))
    }
}

/// Runs a model of a strand. Whoever lets go of that last, nobody is left with it.
fn check_strand(
    preemptions: usize,
    makes_way: bool,
    model: impl Fn(Arc<Core>, &Outside) + Send + Sync + 'static,
) {
    check_bounded(preemptions, move || {
        let (core, outside) = strand(makes_way);
        model(core, &outside);
        assert_eq!(outside.core.strong_count(), 0);
    });
}

/// As a lane's turn, in short.
fn run_all(mut running: Running<Body>, is_done: Option<&dyn Fn() -> bool>) {
    loop {
        if let Popped::Task(task, _) = running.queue().pop() {
            run(task);
            let is_over = is_done.map_or(running.makes_way, |is_done| is_done());
            if is_over && running.queue().len() > 0 {
                match make_way(running, is_done.is_some().into()) {
                    Some(goes_on) => running = goes_on,
                    None => return,
                }
            }
            continue;
        }
        match running.end() {
            Ok(()) => return,
            Err(goes_on) => running = goes_on,
        }
        yield_now();
    }
}

fn make_way(running: Running<Body>, own_waits: usize) -> Option<Running<Body>> {
    let is_awaited = |core: &Core| {
        loom_fence();
        core.waiting.load(Ordering::SeqCst) > own_waits
    };
    if running.look().has_turn() {
        return match running.hand_over_to_turn_on_its_way() {
            Ok(core) if is_awaited(&core) => core.take_up(),
            Ok(_) => None,
            Err(goes_on) => Some(goes_on),
        };
    }
    let host = running.host.clone();
    match running.hand_over() {
        Ok(call) if is_awaited(&call) => call.arrive(),
        Ok(call) => {
            host.push(call.into_task().into());
            None
        }
        Err(goes_on) => Some(goes_on),
    }
}

/// A job that counts, and holds the strand as a cell holds its host. False if the strand was closed.
fn push(core: &Arc<Core>) -> bool {
    let held = core.clone();
    let job = move || {
        held.value.with_mut(|value| {
            // SAFETY: in a turn. Loom looks whether it is the only one.
            unsafe { *value += 1 }
        });
        held.ran.fetch_add(1, Ordering::Release);
    };
    let (task, offload) = new(job, Arc::new(ByHand));
    offload.detach();
    let mut seen = core.queue().announce();
    if seen.is_closed() {
        core.queue().withdraw();
        return false;
    }
    while seen.is_idle() {
        if !seen.has_turn() {
            let call = core.call();
            core.queue().push_announced(task);
            if let Some(call) = call {
                core.host.push(call.into_task().into());
            }
            return true;
        }
        if core.call_turn_on_its_way() {
            break;
        }
        seen = core.look();
    }
    core.queue().push_announced(task);
    true
}

/// As a thread of the host that waits for a job.
fn wait_inside(core: &Arc<Core>, is_done: impl Fn() -> bool) {
    core.waiting.fetch_add(1, Ordering::SeqCst);
    loom_fence();
    if let Some(running) = core.take_up() {
        run_all(running, Some(&is_done));
    }
    while !is_done() {
        yield_now();
    }
    core.waiting.fetch_sub(1, Ordering::SeqCst);
}

fn close(core: Arc<Core>) {
    assert!(core.close());
}

#[test]
fn two_push_against_the_end_of_a_turn() {
    check_strand(4, false, |core, outside| {
        let worker = outside.worker(2);
        assert!(push(&core));
        assert!(push(&core));
        close(core);
        worker.join().unwrap();
    });
}

#[test]
fn two_pushers() {
    check_strand(3, false, |core, outside| {
        let pusher = thread::spawn({
            let core = core.clone();
            move || assert!(push(&core))
        });
        assert!(push(&core));
        let other = core.clone();
        drop(core);
        outside.work(2);
        pusher.join().unwrap();
        close(other);
    });
}

/// The turn goes stale, and is called again, or arrives in vain.
#[test]
fn a_waiter_against_the_turn() {
    check_strand(4, false, |core, outside| {
        let worker = outside.worker(2);
        for jobs in 1..=2 {
            assert!(push(&core));
            wait_inside(&core, || outside.ran() == jobs);
        }
        close(core);
        worker.join().unwrap();
    });
}

/// Who makes way must not leave the jobs to a turn that comes only after the one who waits for them.
#[test]
fn a_waiter_against_making_way() {
    check_strand(4, true, |core, outside| {
        for _ in 0..2 {
            assert!(push(&core));
        }
        // The one other thread runs one turn. What it queues then is for the waiter, who does not come to it.
        let worker = thread::spawn({
            let outside = outside.clone();
            move || outside.work_once()
        });
        wait_inside(&core, || outside.ran() == 2);
        worker.join().unwrap();
        close(core);
        outside.work(2);
    });
}

/// Pushes meet the closer; what is accepted runs.
#[test]
fn close_against_push_and_turn() {
    check_strand(4, false, |core, outside| {
        assert!(push(&core));
        let closer = thread::spawn({
            let core = core.clone();
            move || close(core)
        });
        let jobs = 1 + usize::from(push(&core));
        drop(core);
        outside.work(jobs);
        closer.join().unwrap();
    });
}

/// Called again after it was closed and let go of, as for the last job.
#[test]
fn a_call_after_the_close() {
    check_strand(4, false, |core, outside| {
        assert!(push(&core));
        let worker = outside.worker(1);
        assert!(core.close());
        // As `push`, in spite of the close.
        let (task, offload) = new(|| (), Arc::new(ByHand));
        let seen = core.queue().announce();
        core.queue().push_announced(task);
        if seen.is_idle() && !(seen.has_turn() && core.call_turn_on_its_way()) {
            if let Some(call) = core.call() {
                core.host.push(call.into_task().into());
            }
        }
        drop(core);
        worker.join().unwrap();
        outside.work(1);
        assert!(offload.is_finished());
        drop(offload);
    });
}

/// A pusher who relies on a turn that may be arriving in vain at that moment. Nobody waits for its job inside.
#[test]
fn a_push_against_a_stale_turn() {
    check_strand(4, false, |core, outside| {
        assert!(push(&core));
        wait_inside(&core, || outside.ran() == 1);
        let worker = outside.worker(2);
        assert!(push(&core));
        close(core);
        worker.join().unwrap();
    });
}

/// One who waited inside is done, and leaves the rest to a turn that may be arriving in vain at that moment. Nobody else waits.
#[test]
fn making_way_for_a_stale_turn() {
    check_strand(4, false, |core, outside| {
        for _ in 0..2 {
            assert!(push(&core));
        }
        let worker = outside.worker(2);
        wait_inside(&core, || outside.ran() >= 1);
        close(core);
        worker.join().unwrap();
    });
}

/// Closed and idle, the strand is held by a turn that is on its way, in vain. (What that finds wrong as it arrives is contained, as a job's panic is.)
#[test]
fn a_stale_turn_holds_a_closed_strand() {
    check_strand(1, false, |core, outside| {
        assert!(push(&core));
        wait_inside(&core, || outside.ran() == 1);
        assert!(core.close());
        assert_eq!(Arc::strong_count(&core), 2);
        outside.work(1);
        assert_eq!(Arc::strong_count(&core), 1);
    });
}

/// What the two ways to make way ask for, each where it is not so.
#[test]
fn only_one_turn_is_on_its_way() {
    check_strand(1, false, |core, outside| {
        assert!(push(&core));
        let Some(running) = core.take_up() else { panic!("called") };
        assert_eq!(outside.host.stale(), 1);
        let Err(running) = running.hand_over() else { panic!("queued twice") };
        outside.work(0);
        let Err(running) = running.hand_over_to_turn_on_its_way() else { panic!("nobody would come") };
        run_all(running, None);
        assert_eq!(outside.ran(), 1);
        close(core);
    });
}

/// A turn is taken up before its caller, who has a place for it, has queued it: it is waited for.
#[test]
fn a_stale_turn_that_is_not_linked_yet() {
    check_strand(4, false, |core, outside| {
        let caller = thread::spawn({
            let core = core.clone();
            move || {
                core.host.announce();
                let Some(call) = core.call() else { panic!("nobody else calls") };
                core.host.push_announced(call.into_task());
            }
        });
        let running = loop {
            match core.take_up() {
                Some(running) => break running,
                None => yield_now(),
            }
        };
        assert_eq!(outside.host.stale(), 1);
        assert!(running.end().is_ok());
        caller.join().unwrap();
        outside.work(0);
        close(core);
    });
}
