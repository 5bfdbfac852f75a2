//! One adapter per pool, generic, so that the compiler sees through it.

mod affinity;
mod aside;
mod async_task;
mod blocking;
mod rayon;
mod threads;
mod tokio;

pub(crate) use self::affinity::Affinity;
pub(crate) use self::aside::Aside;
pub(crate) use self::async_task::AsyncTask;
pub(crate) use self::blocking::Blocking;
pub(crate) use self::rayon::Rayon;
pub(crate) use self::threads::Threads;
pub(crate) use self::tokio::{TokioCurrent, TokioMulti};

pub(crate) trait Pool: Sync {
    /// Queues the job at once.
    fn submit<F, T>(&self, job: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// As the pool's users would.
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        futures::executor::block_on(future)
    }
}

/// How many threads a pool may have.
#[derive(Clone, Copy)]
pub(crate) struct Caps {
    /// A pool that starts threads as needed.
    pub(crate) elastic: usize,
    /// A pool that has all its threads from the start.
    pub(crate) fixed: usize,
    /// A pool that has all its threads from the start, and one where that will do.
    pub(crate) least: usize,
}

/// Something to do with a pool of whichever type.
pub(crate) trait Visitor {
    type Output;
    fn visit<P: Pool>(self, pool: &P) -> Self::Output;
}
