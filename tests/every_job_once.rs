//! Under load each job runs exactly once, or, if it was cancelled, not at all.

mod util;

use aside::{Group, JobError};
use futures::executor::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use util::{Counter, watchdog};

const SUBMITTERS: usize = 16;

#[test]
fn each_of_100_000_jobs_from_16_threads_runs_once() {
    const JOBS_EACH: usize = 100_000 / SUBMITTERS;
    for max_threads in [1, 2, 16] {
        let _watchdog = watchdog();
        let group = Group::builder().max_threads(max_threads).build().unwrap();
        let runs: Arc<Vec<AtomicU8>> =
            Arc::new((0..SUBMITTERS * JOBS_EACH).map(|_| AtomicU8::new(0)).collect());
        thread::scope(|scope| {
            for submitter in 0..SUBMITTERS {
                let (group, runs) = (&group, &runs);
                scope.spawn(move || {
                    let mine = submitter * JOBS_EACH..(submitter + 1) * JOBS_EACH;
                    let offloads: Vec<_> = mine
                        .clone()
                        .map(|n| {
                            let runs = runs.clone();
                            group.offload(move || {
                                runs[n].fetch_add(1, Ordering::Relaxed);
                                n
                            })
                        })
                        .collect();
                    // Each handle gets the output of its own job.
                    mine.zip(offloads).for_each(|(n, offload)| assert_eq!(offload.wait(), n));
                });
            }
        });
        group.drain().wait();
        let wrong: Vec<_> =
            (0..runs.len()).filter(|&n| runs[n].load(Ordering::Relaxed) != 1).take(10).collect();
        assert!(wrong.is_empty(), "with {max_threads} threads these ran more or less than once: {wrong:?}");
        let stats = group.stats();
        assert_eq!((stats.submitted, stats.finished, stats.queued), (runs.len(), runs.len(), 0));
        assert!(stats.peak_threads <= max_threads);
    }
}

/// What became of one job of the random mix.
#[derive(Default)]
struct Fate {
    runs: AtomicU8,
    closure_drops: AtomicU8,
    output_drops: AtomicU8,
    callbacks: AtomicU8,
}

impl Fate {
    /// Runs, drops of the closure, drops of the output, callbacks.
    fn counts(&self) -> [u8; 4] {
        [&self.runs, &self.closure_drops, &self.output_drops, &self.callbacks]
            .map(|count| count.load(Ordering::SeqCst))
    }
}

struct Closure(Arc<Fate>);

impl Drop for Closure {
    fn drop(&mut self) {
        self.0.closure_drops.fetch_add(1, Ordering::SeqCst);
    }
}

struct Output(Arc<Fate>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.output_drops.fetch_add(1, Ordering::SeqCst);
    }
}

/// What one submitter did with one job, as far as its fate follows from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Ran,
    RanAndCalledBack,
    NeverRan,
    Either,
}

/// Does a random thing to a random job.
fn one_job(group: &Group, rng: &mut fastrand::Rng, fate: &Arc<Fate>, late: &Counter) -> Expected {
    let closure = Closure(fate.clone());
    let spin = rng.u32(..200);
    let offload = group.offload(move || {
        closure.0.runs.fetch_add(1, Ordering::SeqCst);
        (0..spin).for_each(|_| std::hint::spin_loop());
        Output(closure.0.clone())
    });
    if rng.bool() {
        // Lets a worker come first, sometimes.
        thread::yield_now();
    }
    match rng.u8(..7) {
        0 => drop(block_on(offload)),
        1 => drop(offload.wait()),
        2 => assert!(offload.catch().wait().is_ok()),
        3 => offload.detach(),
        4 => {
            drop(offload);
            return Expected::Either;
        }
        5 => {
            let ran = if rng.bool() { offload.cancel().wait() } else { block_on(offload.cancel()) }.is_some();
            return if ran { Expected::Ran } else { Expected::NeverRan };
        }
        _ => {
            let (fate, finished) = (fate.clone(), offload.is_finished());
            if finished {
                // Its callback is a job of its own, which the group counts.
                late.add();
            }
            offload.on_done(move |outcome: Result<Output, JobError>| {
                assert!(outcome.is_ok());
                fate.callbacks.fetch_add(1, Ordering::SeqCst);
            });
            return Expected::RanAndCalledBack;
        }
    }
    Expected::Ran
}

#[test]
fn a_random_mix_of_all_ends_adds_up() {
    const JOBS_EACH: usize = 2_000;
    for (seed, max_threads) in [(1, 1), (2, 2), (3, 16)] {
        let _watchdog = watchdog();
        let group = Group::builder().max_threads(max_threads).build().unwrap();
        let late = Counter::new();
        let fates: Vec<(Arc<Fate>, Expected)> = thread::scope(|scope| {
            let submitters: Vec<_> = (0..SUBMITTERS)
                .map(|submitter| {
                    let (group, late) = (&group, &late);
                    let mut rng = fastrand::Rng::with_seed(seed * 1_000 + submitter as u64);
                    scope.spawn(move || {
                        let one = |_| {
                            let fate = Arc::default();
                            let expected = one_job(group, &mut rng, &fate, late);
                            (fate, expected)
                        };
                        (0..JOBS_EACH).map(one).collect::<Vec<_>>()
                    })
                })
                .collect();
            submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()).collect()
        });
        group.drain().wait();

        let mut ran = 0;
        for (fate, expected) in &fates {
            let [runs, closure_drops, output_drops, callbacks] = fate.counts();
            let context = format!("seed {seed}, {expected:?}: {:?}", fate.counts());
            assert_eq!(closure_drops, 1, "{context}");
            assert_eq!(output_drops, runs, "{context}");
            assert_eq!(callbacks, u8::from(*expected == Expected::RanAndCalledBack), "{context}");
            match expected {
                Expected::Ran | Expected::RanAndCalledBack => assert_eq!(runs, 1, "{context}"),
                Expected::NeverRan => assert_eq!(runs, 0, "{context}"),
                Expected::Either => assert!(runs <= 1, "{context}"),
            }
            ran += usize::from(runs);
        }
        let stats = group.stats();
        let late_callbacks = stats.submitted - fates.len();
        // A job may also end between the look at it and the callback's coming.
        assert!(late_callbacks >= late.get(), "{late_callbacks} < {}", late.get());
        assert_eq!(stats.finished, ran + late_callbacks);
        assert_eq!(stats.cancelled, fates.len() - ran);
        assert_eq!((stats.queued, stats.panicked), (0, 0));
        assert!(stats.peak_threads <= max_threads);
    }
}
