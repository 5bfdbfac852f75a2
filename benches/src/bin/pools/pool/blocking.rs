use super::Pool;

/// There is one per process. Its cap is in the environment: see `rounds.rs`.
pub(crate) struct Blocking;

impl Pool for Blocking {
    fn submit<F, T>(&self, job: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        ::blocking::unblock(job)
    }
}
