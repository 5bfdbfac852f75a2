//! The loads, and what each of them is to come to, beyond what holds at any time.

use super::{History, Job, LONGEST_CONTENTION, LONGEST_STRETCH, Load, MS, NEVER, Setup, Simulation, US};
use crate::group::scale::Scale;
use std::ops::Range;
use std::time::Duration;

impl Load {
    /// So many blocking jobs, one every so often.
    fn add(mut self, jobs: u64, from: u64, every: u64, takes: impl Fn(u64) -> u64) -> Self {
        let job = |n| Job { arrives: from + n * every, takes: takes(n), computes: false };
        self.jobs.extend((0..jobs).map(job));
        self
    }

    fn computing(mut self, scarce: Range<u64>) -> Self {
        self.jobs.iter_mut().for_each(|job| job.computes = true);
        self.scarce = scarce;
        self
    }
}

fn with(scale: Scale) -> Setup {
    Setup { scale, min: 1, max: 500, keep_alive: 100 * MS, linger: 5 * US, start: 30 * US, unpark: 50 * US }
}

fn on_stall(tick: u64) -> Scale {
    Scale::OnStall { tick: Duration::from_nanos(tick) }
}

fn scales() -> [Scale; 4] {
    [on_stall(50 * US), on_stall(MS), Scale::PerQueued(1), Scale::PerQueued(100)]
}

/// Runs a load under a policy, twice, and everything but those that never end comes to an end.
fn simulate(setup: Setup, load: &Load) -> History {
    let history = Simulation::run(setup, load);
    assert_eq!(history, Simulation::run(setup, load), "the same load, another history");
    history
}

/// So long after they arrived, all of so many jobs that block for ever are taken: the first look that sees the stall, a
/// tick per doubling, and the starts, one after the other.
fn all_taken_within(jobs: u64, tick: u64) -> u64 {
    let Setup { start, unpark, .. } = with(on_stall(tick));
    let doublings = u64::from(u64::BITS - jobs.leading_zeros());
    2 * unpark + 2 * LONGEST_STRETCH * tick + doublings * tick + (jobs + 1) * start
}

#[test]
fn a_brisk_queue_has_a_worker_and_a_watch() {
    let steady = Load::default().add(20_000, 0, 10 * US, |_| US);
    let flood = Load::default().add(20_000, 0, US, |n| if n % 2 == 0 { 1_500 } else { 500 });
    let burst = Load::default().add(10_000, 0, 0, |_| 100);
    for load in [&steady, &flood, &burst] {
        for tick in [50 * US, MS] {
            let history = simulate(with(on_stall(tick)), load);
            assert!(history.peak() <= 2, "{} threads", history.peak());
            assert_eq!(history.finished, load.jobs.len());
        }
        simulate(with(Scale::PerQueued(1)), load);
        simulate(with(Scale::PerQueued(100)), load);
    }
    // Nothing ever waits, so that nobody looks.
    assert_eq!(simulate(with(on_stall(50 * US)), &Load::default().add(1_000, MS, MS, |_| US)).ticks, 0);
}

#[test]
fn blocked_jobs_get_a_thread_each_up_to_the_cap() {
    let load = Load::default().add(2_000, 0, 0, |_| 5 * MS);
    for scale in scales() {
        for max in [1, 2, 3, 64, 500, 3_000] {
            let history = simulate(Setup { max, ..with(scale) }, &load);
            assert_eq!(history.finished, 2_000);
            if matches!(scale, Scale::OnStall { .. }) {
                assert!(history.peak() >= max.min(100), "{} threads", history.peak());
            }
        }
    }
}

#[test]
fn slow_jobs_get_more_threads_although_the_queue_moves() {
    // Each thread takes a job every fourth tick; ten threads are enough for one every 20 µs.
    let load = Load::default().add(5_000, 0, 0, |_| 200 * US);
    let history = simulate(Setup { start: US, ..with(on_stall(50 * US)) }, &load);
    assert!(history.peak() >= 200, "{} threads", history.peak());
}

#[test]
fn stuck_jobs_hold_up_those_behind_them_for_a_while() {
    for tick in [50 * US, MS] {
        for more in [1, 10, 200] {
            let load = Load::default().add(200, 0, 0, |_| NEVER).add(more, 200 * MS, 0, |_| NEVER);
            let history = simulate(with(on_stall(tick)), &load);
            assert_eq!(history.taken.len(), load.jobs.len());
            assert!(history.taken[199] <= all_taken_within(200, tick), "{}", history.taken[199]);
            let last = history.taken.last().unwrap() - 200 * MS;
            assert!(last <= all_taken_within(more, tick), "{last}");
        }
    }
    let load = Load::default().add(200, 0, 0, |_| NEVER).add(10, 200 * MS, 0, |_| NEVER);
    assert_eq!(simulate(with(Scale::PerQueued(1)), &load).taken.len(), 210);
    assert_eq!(simulate(with(Scale::PerQueued(100)), &load).taken.len(), 3);
}

#[test]
fn some_jobs_block() {
    let bimodal = Load::default().add(10_000, 0, 10 * US, |n| if n % 100 == 99 { 20 * MS } else { US });
    let leak = Load::default().add(20_000, 0, 10 * US, |n| if n % 1_000 == 999 { NEVER } else { US });
    let waves = (0..10).fold(Load::default(), |load, wave| {
        let every = [500, 200, 100, 50, 20, 10, 20, 50, 100, 200][wave as usize] * US;
        load.add(200, wave * 20 * MS, every, |_| 2 * MS)
    });
    for scale in scales() {
        assert_eq!(simulate(with(scale), &bimodal).finished, 10_000);
        assert_eq!(simulate(with(scale), &waves).finished, 2_000);
        let stuck = simulate(with(scale), &leak);
        if scale != Scale::PerQueued(100) {
            assert_eq!(stuck.finished, 19_980);
        }
    }
}

#[test]
fn threads_that_wait_for_a_processor_get_company_now_and_then() {
    let load = Load::default().add(100, 0, 0, |_| 500 * MS).computing(0..300 * MS);
    let history = simulate(with(on_stall(50 * US)), &load);
    let scarce = history.threads.iter().filter(|(at, _)| load.scarce.contains(at)).count() as u64;
    assert!(scarce > 2 && scarce <= 3 + 300 * MS / LONGEST_CONTENTION, "{:?}", history.threads);
    assert_eq!(history.peak(), 101);
}

#[test]
fn a_blocked_job_among_runnable_ones_is_no_want_of_processors() {
    let forever = Load::default().add(1, 0, 0, |_| NEVER).computing(0..NEVER);
    let load = forever.add(500, MS, 0, |_| 20 * MS);
    let history = simulate(with(on_stall(50 * US)), &load);
    assert!(history.peak() >= 250, "{} threads", history.peak());
}

#[test]
fn behind_stuck_jobs_nobody_waits_for_a_look() {
    for (stuck, tick) in [(1, 50 * US), (1, MS), (30, 50 * US), (30, MS)] {
        let load = Load::default().add(stuck, 0, 0, |_| NEVER).add(2_000, 200 * MS, MS, |_| US);
        let history = simulate(with(on_stall(tick)), &load);
        let Setup { start, unpark, .. } = with(on_stall(tick));
        let mut waits: Vec<_> =
            load.jobs.iter().zip(&history.taken).map(|(job, taken)| taken - job.arrives).collect();
        waits.drain(..=stuck as usize);
        assert!(waits.iter().all(|&wait| wait <= start + unpark), "{:?}", waits.iter().max());
        assert!(history.ticks <= 40, "{} ticks", history.ticks);
    }
}

#[test]
fn short_jobs_beside_stuck_ones_get_few_threads() {
    for (stuck, tick) in [(3, 50 * US), (3, MS), (30, 50 * US), (30, MS)] {
        let load = Load::default().add(stuck, 0, 0, |_| NEVER).add(20_000, 200 * MS, 10 * US, |_| US);
        let history = simulate(with(on_stall(tick)), &load);
        assert!(history.peak() <= stuck as usize + 3, "{} threads, tick {tick}", history.peak());
    }
}

#[test]
fn pairs_of_jobs_with_gaps_get_a_worker_and_a_watch() {
    let pairs = [0, 1, 100, 101].map(|at| Load::default().add(500, at * US, 300 * US, |_| 5 * US));
    let mut load = Load { jobs: pairs.into_iter().flat_map(|load| load.jobs).collect(), scarce: 0..0 };
    load.jobs.sort_by_key(|job| job.arrives);
    let history = simulate(with(on_stall(50 * US)), &load);
    assert!(history.peak() <= 2, "{} threads", history.peak());
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[(self.next() % choices.len() as u64) as usize]
    }
}

fn random_case(random: &mut Random) -> (Setup, Load) {
    let scale = match random.next() % 4 {
        0 => Scale::PerQueued(random.of(&[0, 1, 2, 10, 100])),
        _ => on_stall(random.of(&[10 * US, 50 * US, 50 * US, MS, 100 * MS])),
    };
    let max = random.of(&[1, 2, 3, 5, 20, 500]);
    let setup = Setup {
        scale,
        min: random.of(&[0, 1, 2, max]).min(max),
        max,
        keep_alive: random.of(&[0, 50 * US, MS, 100 * MS]),
        linger: random.of(&[0, 5 * US, 50 * US]),
        start: random.of(&[5 * US, 30 * US, 500 * US]),
        unpark: random.of(&[2 * US, 50 * US, 200 * US]),
    };
    let mut load = Load::default();
    let mut from = 0;
    for _ in 0..=random.next() % 4 {
        let (jobs, every) = (random.next() % 60, random.of(&[0, 0, US, 10 * US, 50 * US, MS]));
        let times: Vec<_> =
            (0..jobs).map(|_| random.of(&[0, US, US, 10 * US, 25 * US, MS, 20 * MS])).collect();
        let leaks = random.of(&[NEVER, NEVER, 20, 3, 1]);
        load =
            load.add(jobs, from, every, |n| if n % leaks == leaks - 1 { NEVER } else { times[n as usize] });
        from += jobs * every + random.of(&[0, 100 * US, 10 * MS]);
    }
    load.jobs.iter_mut().for_each(|job| job.computes = random.next() % 2 == 0);
    let (begin, end) = random.of(&[(0, 0), (0, 0), (0, 50 * MS), (MS, NEVER)]);
    load.scarce = begin..end;
    (setup, load)
}

#[test]
fn random_loads() {
    for seed in 1..=3_000 {
        let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let (setup, load) = random_case(&mut random);
        let outcome = std::panic::catch_unwind(|| simulate(setup, &load));
        let history = outcome.unwrap_or_else(|_| panic!("seed {seed}: {setup:?}"));
        let stuck = load.jobs.iter().filter(|job| job.takes == NEVER).count();
        if stuck < setup.max && matches!(setup.scale, Scale::OnStall { .. }) {
            assert_eq!(history.finished + stuck, load.jobs.len(), "seed {seed}: {setup:?}");
        }
    }
}
