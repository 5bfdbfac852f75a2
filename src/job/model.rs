//! Model-checked: each test runs under every interleaving that loom finds with a bounded number of preemptions.

use super::{
    Batch, Beside, Care, Departure, Host, JobError, Offload, Popped, Queue, Settlement, Task, new,
    push_or_reclaim,
};
use crate::sync::{AtomicUsize, Ordering, check, counting_waker, yield_now};
use loom::thread;
use std::sync::Arc;
use std::task::Poll;

/// A host without a group: its jobs are run by hand.
pub(crate) struct ByHand;

type Numbers = Queue<Beside<()>>;

impl Host for ByHand {
    fn departed(&self, _: Departure, _: bool) {}
    fn settled(&self, _: Settlement) {}
    fn is_current_thread(&self) -> bool {
        false
    }
    fn spin_weight(&self) -> Option<u32> {
        None
    }
    fn is_short(&self) -> bool {
        false
    }
    fn nudge(&self) -> Care {
        Care::Fine
    }
    fn is_orphaned(&self) -> bool {
        false
    }
    fn run_later(self: Arc<Self>, work: Box<dyn FnOnce() + Send>) -> Result<(), Box<dyn FnOnce() + Send>> {
        Err(work)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A job whose closure and output are both counted when dropped.
fn counted_job() -> (Task, Offload<Counted>, [Arc<AtomicUsize>; 2]) {
    let drops = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let (closure, output) = (Counted(drops[0].clone()), Counted(drops[1].clone()));
    let (task, offload) = new(
        move || {
            drop(closure);
            output
        },
        Arc::new(ByHand),
    );
    (task, offload, drops)
}

pub(crate) fn run(task: Task) {
    if let Some(claimed) = task.claim() {
        drop(claimed.run());
    }
}

fn assert_each_dropped_once(drops: &[Arc<AtomicUsize>; 2]) {
    for drops in drops {
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_waiter_is_woken() {
    check(|| {
        let (task, offload, drops) = counted_job();
        let worker = thread::spawn(move || run(task));
        drop(offload.wait());
        worker.join().unwrap();
        assert_each_dropped_once(&drops);
    });
}

#[test]
fn drop_against_run() {
    check(|| {
        let (task, offload, drops) = counted_job();
        let worker = thread::spawn(move || run(task));
        drop(offload);
        worker.join().unwrap();
        assert_each_dropped_once(&drops);
    });
}

#[test]
fn drop_after_poll_against_run() {
    check(|| {
        let (task, mut offload, drops) = counted_job();
        let worker = thread::spawn(move || run(task));
        let (_, waker) = counting_waker();
        drop(offload.poll_quietly(&waker));
        drop(offload);
        worker.join().unwrap();
        assert_each_dropped_once(&drops);
        drop(waker);
    });
}

#[test]
fn the_last_of_two_wakers_is_called() {
    check(|| {
        let (task, mut offload, drops) = counted_job();
        let worker = thread::spawn(move || run(task));
        let (_, first) = counting_waker();
        let (counting, second) = counting_waker();
        if offload.poll_quietly(&first).is_pending() && offload.poll_quietly(&second).is_pending() {
            while !offload.is_finished() {
                yield_now();
            }
            worker.join().unwrap();
            assert_eq!(counting.0.load(Ordering::Relaxed), 1);
            assert!(matches!(offload.poll_quietly(&second), Poll::Ready(Ok(_))));
        } else {
            worker.join().unwrap();
        }
        drop(offload);
        assert_each_dropped_once(&drops);
    });
}

/// The awaiter frees the cell as soon as it sees the job done, while the worker may still be calling the waker in it.
#[test]
fn free_against_wake() {
    check(|| {
        let (task, mut offload, drops) = counted_job();
        let worker = thread::spawn(move || run(task));
        let (_, waker) = counting_waker();
        while offload.poll_quietly(&waker).is_pending() {
            yield_now();
        }
        drop(offload);
        worker.join().unwrap();
        assert_each_dropped_once(&drops);
    });
}

#[test]
fn cancel_against_start() {
    check(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let in_job = ran.clone();
        let (task, offload) = new(move || in_job.fetch_add(1, Ordering::Relaxed), Arc::new(ByHand));
        let worker = thread::spawn(move || run(task));
        let output = offload.cancel().wait();
        worker.join().unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), usize::from(output.is_some()));
    });
}

#[test]
fn cancelled_by_the_group_against_poll() {
    check(|| {
        let (task, offload, drops) = counted_job();
        let group = thread::spawn(move || drop(task));
        assert!(matches!(offload.catch().wait(), Err(JobError::Cancelled)));
        group.join().unwrap();
        assert_eq!(drops[0].load(Ordering::Relaxed), 1);
        assert_eq!(drops[1].load(Ordering::Relaxed), 1);
    });
}

#[test]
fn reclaim_against_start() {
    check(|| {
        let queue = Arc::new(Numbers::new(Beside::new(())));
        let pushed = queue.clone();
        let worker = thread::spawn(move || {
            if let Popped::Task(task, _) = pushed.pop() {
                run(task);
            }
        });
        let result = push_or_reclaim(
            || 7,
            Arc::new(ByHand),
            |task| {
                queue.push(task.into());
                Err(None)
            },
        );
        worker.join().unwrap();
        match result {
            Ok(offload) => assert_eq!(offload.wait(), 7),
            Err(job) => assert_eq!(job(), 7),
        }
    });
}

/// Pops until `wanted` numbers have come, each by running its job.
fn pop_numbers(queue: &Numbers, wanted: usize) -> Vec<usize> {
    let mut popped = Vec::new();
    while popped.len() < wanted {
        match queue.pop() {
            Popped::Task(task, _) => {
                if let Some(claimed) = task.claim() {
                    drop(claimed.run());
                    popped.push(popped.len());
                }
            }
            Popped::Busy | Popped::Empty => yield_now(),
        }
    }
    popped
}

#[test]
fn two_pushers_one_popper() {
    check(|| {
        let queue = Arc::new(Numbers::new(Beside::new(())));
        let order = Arc::new(loom::sync::Mutex::new(Vec::new()));
        let pushers: Vec<_> = [10, 20]
            .into_iter()
            .map(|base| {
                let (queue, order) = (queue.clone(), order.clone());
                thread::spawn(move || {
                    for n in 0..2 {
                        let order = order.clone();
                        let (task, offload) =
                            new(move || order.lock().unwrap().push(base + n), Arc::new(ByHand));
                        offload.detach();
                        queue.push(task.into());
                    }
                })
            })
            .collect();
        pop_numbers(&queue, 4);
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        let order = order.lock().unwrap();
        for base in [10, 20] {
            let own: Vec<_> = order.iter().filter(|&&n| n / 10 == base / 10).collect();
            assert_eq!(own, [&base, &(base + 1)]);
        }
        assert_eq!(queue.len(), 0);
    });
}

#[test]
fn two_poppers_take_each_job_once() {
    check(|| {
        let queue = Arc::new(Numbers::new(Beside::new(())));
        let ran = Arc::new(AtomicUsize::new(0));
        let popper = {
            let queue = queue.clone();
            thread::spawn(move || {
                if let Popped::Task(task, _) = queue.pop() {
                    run(task);
                }
            })
        };
        let mut batch = Batch::new();
        for _ in 0..2 {
            let ran = ran.clone();
            let (task, offload) = new(move || ran.fetch_add(1, Ordering::Relaxed), Arc::new(ByHand));
            offload.detach();
            batch.push(task);
        }
        queue.push(batch);
        while queue.len() > 0 {
            if let Popped::Task(task, _) = queue.pop() {
                run(task);
            } else {
                yield_now();
            }
        }
        popper.join().unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn sweep_against_push_and_pop() {
    check(|| {
        let queue = Arc::new(Numbers::new(Beside::new(())));
        let ran = Arc::new(AtomicUsize::new(0));
        let job = |ran: &Arc<AtomicUsize>| {
            let ran = ran.clone();
            new(move || ran.fetch_add(1, Ordering::Relaxed), Arc::new(ByHand))
        };
        let (task, kept) = job(&ran);
        queue.push(task.into());
        let (task, cancelled) = job(&ran);
        queue.push(task.into());
        let pusher = {
            let (queue, (task, offload)) = (queue.clone(), job(&ran));
            thread::spawn(move || {
                offload.detach();
                queue.push(task.into());
            })
        };
        kept.detach();
        drop(cancelled);
        queue.sweep();
        pusher.join().unwrap();
        while let Popped::Task(task, _) = queue.pop() {
            run(task);
        }
        assert_eq!(ran.load(Ordering::Relaxed), 2);
        assert_eq!(queue.len(), 0);
    });
}

/// Entries whose jobs are cancelled are out of the queue after a sweep, also the oldest, and what is behind them is not lost.
#[test]
fn a_sweep_of_the_oldest_against_push() {
    check(|| {
        let queue = Arc::new(Numbers::new(Beside::new(())));
        let ran = Arc::new(AtomicUsize::new(0));
        let job = || {
            let ran = ran.clone();
            new(move || ran.fetch_add(1, Ordering::Relaxed), Arc::new(ByHand))
        };
        // Their cells stay, for their handles are there.
        let cancelled = [(); 2].map(|()| {
            let (task, offload) = job();
            queue.push(task.into());
            offload.cancel()
        });
        let (task, kept) = job();
        queue.push(task.into());
        kept.detach();
        let pusher = {
            let (queue, (task, offload)) = (queue.clone(), job());
            thread::spawn(move || {
                offload.detach();
                queue.push(task.into());
            })
        };
        queue.sweep();
        pusher.join().unwrap();
        assert_eq!(queue.len(), 2);
        while let Popped::Task(task, _) = queue.pop() {
            match task.claim() {
                Some(job) => drop(job.run()),
                None => panic!("swept"),
            }
        }
        assert_eq!((ran.load(Ordering::Relaxed), queue.len()), (2, 0));
        drop(cancelled);
    });
}

/// A worker must not see an empty queue while a job that it knows of stands in it, however many entries behind that job are swept.
#[test]
fn a_queue_with_a_job_in_it_is_never_empty() {
    check(|| {
        let queue = Arc::new(Numbers::new(Beside::new(())));
        let (task, waiting) = new(|| (), Arc::new(ByHand));
        queue.push(task.into());
        let sweeper = {
            let queue = queue.clone();
            thread::spawn(move || {
                let (task, cancelled) = new(|| (), Arc::new(ByHand));
                queue.push(task.into());
                let (task, last) = new(|| (), Arc::new(ByHand));
                queue.push(task.into());
                drop(cancelled);
                queue.sweep();
                last.detach();
            })
        };
        let len = queue.len();
        assert!(len > 0, "a job waits");
        assert!(len <= 3, "{len} of 3");
        waiting.detach();
        sweeper.join().unwrap();
        while let Popped::Task(task, _) = queue.pop() {
            run(task);
        }
    });
}

/// Popped entries are not taken off a count of pushed ones that does not hold them yet.
#[test]
fn the_length_does_not_wrap() {
    check(|| {
        let queue = Arc::new(Numbers::new(Beside::new(())));
        let other = {
            let queue = queue.clone();
            thread::spawn(move || {
                let (task, job) = new(|| (), Arc::new(ByHand));
                queue.push(task.into());
                job.detach();
                if let Popped::Task(task, _) = queue.pop() {
                    run(task);
                }
            })
        };
        let len = queue.len();
        assert!(len <= 1, "{len} of 1");
        other.join().unwrap();
    });
}
