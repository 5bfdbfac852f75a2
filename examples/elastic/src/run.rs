//! One group under the load, and what it did.

use crate::load::Load;
use crate::screen::Screen;
use aside::{Group, Scale, Stats};
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const MIN_THREADS: usize = 1;
const MAX_THREADS: usize = 64;
/// How often jobs are submitted and the group is looked at.
const BEAT: Duration = Duration::from_millis(1);
/// How long a group may take, after the load, to do what is left and let its threads go.
const PATIENCE: Duration = Duration::from_secs(5);

/// What happened in one step of time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Step {
    /// When it began.
    pub(crate) at: Duration,
    /// The longest queue that was seen.
    pub(crate) queued: usize,
    /// The most threads that were seen.
    pub(crate) threads: usize,
    /// The longest time in queue, of the jobs that started in this step. None if none did.
    pub(crate) wait: Option<Duration>,
}

pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
    /// How long each job was in the queue, the shortest time first.
    pub(crate) waits: Vec<Duration>,
    /// The threads there were, times how long they were there.
    pub(crate) thread_seconds: f64,
    /// The group at the end.
    pub(crate) stats: Stats,
}

pub(crate) fn run(policy: Scale, load: &Load, screen: &mut Screen) -> io::Result<Run> {
    let name = match policy {
        Scale::PerQueued(jobs) => format!("PerQueued({jobs})"),
        _ => "OnStall (default)".to_owned(),
    };
    let group = Group::builder()
        .name("elastic")
        .min_threads(MIN_THREADS)
        .max_threads(MAX_THREADS)
        .keep_alive(load.keep_alive)
        .scale(policy)
        .build()?;
    let mut run =
        Run { name, steps: Vec::new(), waits: Vec::new(), thread_seconds: 0.0, stats: group.stats() };
    screen.begin(&run)?;

    let (tell_wait, told_waits) = mpsc::channel();
    let begun = Instant::now();
    let mut submitted = 0;
    let mut step = Step::default();
    let mut looked_at = Duration::ZERO;
    loop {
        let now = begun.elapsed();
        while submitted < load.jobs_until(now) {
            let job_length = load.job_length(submitted, now);
            let tell_wait = tell_wait.clone();
            let queued_at = Instant::now();
            group
                .offload(move || {
                    // Nobody listens only if the run was given up.
                    let _ = tell_wait.send(queued_at.elapsed());
                    thread::sleep(job_length);
                })
                .detach();
            submitted += 1;
        }

        let stats = group.stats();
        step.queued = step.queued.max(stats.queued);
        step.threads = step.threads.max(stats.threads);
        run.thread_seconds += stats.threads as f64 * (now - looked_at).as_secs_f64();
        looked_at = now;
        for wait in told_waits.try_iter() {
            step.wait = step.wait.max(Some(wait));
            run.waits.push(wait);
        }

        if now >= step.at + load.step {
            run.steps.push(step);
            screen.show(&run, load)?;
            // A step that is late, as the machine has other things to do, does not make the next one shorter.
            step = Step { at: now, ..Step::default() };
        }
        if now >= load.length() {
            break;
        }
        thread::sleep(BEAT);
    }

    settle(&group);
    run.waits.extend(told_waits.try_iter());
    run.waits.sort_unstable();
    run.stats = group.stats();
    screen.end(&run)?;
    Ok(run)
}

/// Waits until the group has done everything and has let its threads go, or patience is at its end.
fn settle(group: &Group) {
    let begun = Instant::now();
    let is_settled = |stats: Stats| stats.queued == 0 && stats.running == 0 && stats.threads == MIN_THREADS;
    while !is_settled(group.stats()) && begun.elapsed() < PATIENCE {
        thread::sleep(BEAT);
    }
}

impl Run {
    pub(crate) fn wait_at(&self, quantile: f64) -> Duration {
        let last = self.waits.len().saturating_sub(1);
        self.waits.get((last as f64 * quantile) as usize).copied().unwrap_or_default()
    }

    /// Whether the group did all its jobs and is as small again as at first.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Stats { submitted, finished, threads, .. } = self.stats;
        if finished != submitted || self.waits.len() != submitted {
            let told = self.waits.len();
            return Err(format!("{}: of {submitted} jobs, {told} started and {finished} ended", self.name));
        }
        if threads != MIN_THREADS {
            return Err(format!("{}: {threads} threads are left, not {MIN_THREADS}", self.name));
        }
        Ok(())
    }
}
