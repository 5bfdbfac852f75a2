//! How a group is to be.

use super::core::Core;
use super::counts::MAX_THREADS;
use super::error::BuildError;
use super::global;
use super::handle::Group;
use super::scale::Scale;
use crate::os::{affinity, nice};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// As many as `blocking` has by default, and about as many as tokio (512): jobs that block cost memory, not cores.
const DEFAULT_MAX_THREADS: usize = 500;
/// tokio's figure.
const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(10);
/// About what a hand-over to a parked thread costs the two sides: whoever spins no longer than that before parking
/// spends at most twice the best possible (Karlin et al., "Competitive randomized algorithms", 1994).
const DEFAULT_LINGER: Duration = Duration::from_micros(5);
/// Eight times this is how long a thread may stay on watch after the queue is empty, and a shutdown waits for it.
const LONGEST_TICK: Duration = Duration::from_millis(100);
/// Room for the worker's own frames, for the printing of a panic with its backtrace, and something for the job.
/// `PTHREAD_STACK_MIN`, a quarter of this on Linux, has no room for any of it.
const LEAST_STACK_SIZE: usize = 64 * 1024;

pub(super) type Hook = Arc<dyn Fn() + Send + Sync>;

/// Settings for a [`Group`]. Made by [`Group::builder`]; nothing happens before [`build`](Self::build).
///
/// ```
/// use std::time::Duration;
///
/// let group = aside::Group::builder()
///     .name("log")
///     .max_threads(1) // one thread: jobs run one at a time, in the order they were queued
///     .queue_limit(10_000)
///     .nice(10)
///     .keep_alive(Duration::from_secs(60))
///     .build()?;
/// # group.shutdown(Duration::from_secs(1));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `.build()`"]
pub struct Builder {
    config: Config,
}

#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) name: String,
    pub(super) min_threads: usize,
    pub(super) max_threads: usize,
    pub(super) keep_alive: Duration,
    pub(super) stack_size: Option<usize>,
    pub(super) queue_limit: Option<usize>,
    pub(super) nice: Option<i32>,
    pub(super) scale: Scale,
    pub(super) linger: Duration,
    pub(super) cpus: Option<Vec<usize>>,
    #[cfg(feature = "timings")]
    pub(super) timings: bool,
    pub(super) hooks: Hooks,
}

#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) on_thread_start: Option<Hook>,
    pub(super) on_thread_stop: Option<Hook>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_thread_start", &self.on_thread_start.is_some())
            .field("on_thread_stop", &self.on_thread_stop.is_some())
            .finish()
    }
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            config: Config {
                name: "aside".to_owned(),
                min_threads: 1,
                max_threads: DEFAULT_MAX_THREADS,
                keep_alive: DEFAULT_KEEP_ALIVE,
                stack_size: None,
                queue_limit: None,
                nice: None,
                scale: Scale::default(),
                linger: DEFAULT_LINGER,
                cpus: None,
                #[cfg(feature = "timings")]
                timings: false,
                hooks: Hooks::default(),
            },
        }
    }

    /// The name of the group's threads. Default: `aside`. Linux shows the first 15 bytes of it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.name = name.into();
        self
    }

    /// How many threads stay however long there is nothing to do. Default: 1. `build` starts them.
    ///
    /// With 0 an idle group costs nothing at all, but when the system refuses the thread that a job then needs, that job
    /// waits; a group that always has one thread can always go on.
    pub fn min_threads(mut self, threads: usize) -> Self {
        self.config.min_threads = threads;
        self
    }

    /// How many threads there can be at most, and so how many jobs can block at a time. Default: 500, as jobs
    /// that block need memory, not cores. With 1, jobs run one at a time in the order they were queued.
    pub fn max_threads(mut self, threads: usize) -> Self {
        self.config.max_threads = threads;
        self
    }

    /// How long a thread above the minimum stays when there is nothing to do. Default: 10 s. `Duration::MAX` is for ever.
    pub fn keep_alive(mut self, duration: Duration) -> Self {
        self.config.keep_alive = duration;
        self
    }

    /// The size of each thread's stack, in bytes; at least 64 KiB. Default: what [`std::thread`] takes, 2 MiB. It is
    /// address space; memory is used as it is touched.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = Some(bytes);
        self
    }

    /// How many jobs may wait. Default: no limit, and a queue that takes as much memory as its jobs do (a
    /// cell of some 80 bytes and its closure each).
    ///
    /// The limit is kept by [`Group::try_offload`], which hands the job back, and by [`Group::offload_wait`], which
    /// waits. [`Group::offload`] and [`Group::offload_all`] can do neither, lose nothing, and so go beyond it; what they
    /// queue counts.
    pub fn queue_limit(mut self, jobs: usize) -> Self {
        self.config.queue_limit = Some(jobs);
        self
    }

    /// The nice level of the group's threads, from -20 (most CPU time) to 19 (least). Default: that of the thread
    /// that starts them. Linux only; elsewhere `build` fails with [`BuildError::NiceUnsupported`].
    pub fn nice(mut self, level: i32) -> Self {
        self.config.nice = Some(level);
        self
    }

    /// When more threads are brought. Default: [`Scale::OnStall`], when the queue stalls.
    pub fn scale(mut self, scale: Scale) -> Self {
        self.config.scale = scale;
        self
    }

    /// How soon the next job must come for a thread that runs out of jobs to spin for it rather than park. Default: 5 µs,
    /// about the cost of the wake-up that this saves. Zero turns all spinning off, and with it the awaiter's share: who awaits a job spins
    /// if jobs were done within 2 µs lately.
    ///
    /// One thread of a group at a time spins. Both sides learn. As long as waits are prompt a spin may last ten times as long as that, so that
    /// one late job does not end it. More than 10 ms is taken for 10 ms. After 2.5 ms spent in vain, all in all, a thread does not spin for 400 ms, then 800, and so on up to
    /// 3.2 s, until waits are prompt again. A thread that was woken on its waker's processor yields that processor while it spins, and
    /// gives up after 20 ms, as the kernel may part the two meanwhile.
    ///
    /// After more than one job in a row a thread looks away from the queue for 3 µs, so that whoever fills it is not held up; a
    /// job that comes just then waits that long.
    pub fn linger(mut self, duration: Duration) -> Self {
        self.config.linger = duration;
        self
    }

    /// The processors that the group's threads may run on, numbered as the system does, from 0. Default: those of whoever starts
    /// the threads. Each thread sets this before its start hook. Linux only, for processors below 1024.
    ///
    /// Those of the list that the system does not have or does not let this process use are passed over, unless that leaves none.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// let group = aside::Group::builder().cpus([0]).build()?;
    /// assert_eq!(group.offload(|| 1).wait(), 1);
    /// # }
    /// # std::io::Result::Ok(())
    /// ```
    pub fn cpus(mut self, cpus: impl IntoIterator<Item = usize>) -> Self {
        self.config.cpus = Some(cpus.into_iter().collect());
        self
    }

    /// Whether to measure how long each job waits and runs, for [`Group::timings`]. Default: no.
    ///
    /// It costs three looks at the clock, two additions to shared counters and a shared reference count per job, and 24 bytes per waiting job: it
    /// about doubles the cost of a job that does nothing (measured: 194 ns to submit, 95 without).
    #[cfg(feature = "timings")]
    pub fn timings(mut self, measure: bool) -> Self {
        self.config.timings = measure;
        self
    }

    /// Called by each thread before its first job; a hook that takes long holds up the job that the thread was started
    /// for, and those behind it. A panic of the hook is caught (the panic hook has reported it by
    /// then) and the thread goes on.
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.hooks.on_thread_start = Some(Arc::new(hook));
        self
    }

    /// Called by each thread after its last job. A panic of the hook is caught.
    ///
    /// A panic in the destructor of a *thread-local* is another matter: the standard library aborts the process.
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.hooks.on_thread_stop = Some(Arc::new(hook));
        self
    }

    /// Checks the settings and starts the group, with its minimum of threads.
    ///
    /// # Errors
    ///
    /// [`BuildError`] inside the [`io::Error`] if a setting is wrong or not permitted: see [`BuildError::of`]. Otherwise
    /// what the system said when it refused a thread.
    pub fn build(self) -> io::Result<Group> {
        self.check()?;
        let group = Group::new(Core::new(self.config));
        group.core().ensure_threads(group.core().config.min_threads)?;
        Ok(group)
    }

    /// The same, for the group that [`Group::global`] and [`offload`](crate::offload) use.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build). [`BuildError::GlobalExists`] if there is a global group, built here or on first use.
    ///
    /// ```
    /// aside::Group::builder().max_threads(16).build_global()?;
    /// assert_eq!(aside::offload(|| 1).wait(), 1);
    /// assert!(aside::Group::builder().build_global().is_err());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn build_global(self) -> io::Result<&'static Group> {
        global::install(|| self.build())
    }

    /// A group without threads, for which the first job starts one.
    pub(crate) fn build_lazily(self) -> Group {
        Group::new(Core::new(self.config))
    }

    fn check(&self) -> io::Result<()> {
        let Config {
            ref name, ref cpus, min_threads, max_threads, stack_size, queue_limit, nice, scale, ..
        } = self.config;
        if max_threads == 0 {
            return Err(BuildError::NoThreads.into());
        }
        if max_threads > MAX_THREADS {
            return Err(BuildError::TooManyThreads { max_threads, limit: MAX_THREADS }.into());
        }
        if min_threads > max_threads {
            return Err(BuildError::MinAboveMax { min_threads, max_threads }.into());
        }
        if name.contains('\0') {
            return Err(BuildError::NulInName.into());
        }
        if queue_limit == Some(0) {
            return Err(BuildError::NoRoom.into());
        }
        match scale {
            Scale::OnStall { tick } if tick.is_zero() || tick > LONGEST_TICK => {
                return Err(BuildError::BadTick { tick }.into());
            }
            Scale::OnStall { .. } | Scale::PerQueued(_) => {}
        }
        if let Some(stack_size) = stack_size.filter(|&size| size < LEAST_STACK_SIZE) {
            return Err(BuildError::StackTooSmall { stack_size, least: LEAST_STACK_SIZE }.into());
        }
        // The kernel would take the nearest level without a word.
        if let Some(nice) = nice.filter(|level| !nice::RANGE.contains(level)) {
            return Err(BuildError::NoSuchNice { nice }.into());
        }
        // A setting that no thread can have must not come out with the first job.
        if let Some(cpus) = cpus {
            if cpus.is_empty() {
                return Err(BuildError::NoCpus.into());
            }
            if let Some(&cpu) = cpus.iter().find(|&&cpu| cpu >= affinity::MAX_CPUS) {
                return Err(BuildError::CpuOutOfRange { cpu, limit: affinity::MAX_CPUS }.into());
            }
        }
        if nice.is_some() || cpus.is_some() || (stack_size.is_some() && min_threads == 0) {
            self.try_thread()?;
        }
        Ok(())
    }

    /// Tries the settings on a thread made for that, as those of the caller's must not change.
    fn try_thread(&self) -> io::Result<()> {
        let mut builder = std::thread::Builder::new().name("aside-probe".to_owned());
        if let Some(size) = self.config.stack_size {
            builder = builder.stack_size(size);
        }
        let Config { nice, cpus, .. } = self.config.clone();
        let probe = builder.spawn(move || {
            if let Some(nice) = nice {
                nice::set(nice).map_err(|error| match error.kind() {
                    io::ErrorKind::PermissionDenied => BuildError::NiceNotPermitted { nice }.into(),
                    io::ErrorKind::Unsupported => BuildError::NiceUnsupported.into(),
                    _ => error,
                })?;
            }
            if let Some(cpus) = cpus {
                affinity::set(&cpus).map_err(|error| match error.kind() {
                    io::ErrorKind::InvalidInput => BuildError::NoSuchCpus { cpus }.into(),
                    io::ErrorKind::Unsupported => BuildError::CpusUnsupported.into(),
                    _ => error,
                })?;
            }
            Ok(())
        })?;
        probe.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    }
}
