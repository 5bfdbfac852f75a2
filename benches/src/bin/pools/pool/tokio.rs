use super::{Caps, Pool};
use ::tokio::runtime::{Builder, Runtime};
use futures::FutureExt;

/// `spawn_blocking` of a current-thread runtime.
pub(crate) struct TokioCurrent(Runtime);

/// `spawn_blocking` of a multi-thread runtime.
pub(crate) struct TokioMulti(Runtime);

impl TokioCurrent {
    pub(crate) fn new(caps: Caps) -> Self {
        Self(build(Builder::new_current_thread(), caps))
    }
}

impl TokioMulti {
    pub(crate) fn new(caps: Caps) -> Self {
        Self(build(Builder::new_multi_thread(), caps))
    }
}

fn build(mut builder: Builder, caps: Caps) -> Runtime {
    builder.max_blocking_threads(caps.elastic).build().expect("a runtime")
}

fn submit<F, T>(runtime: &Runtime, job: F) -> impl Future<Output = T> + Send + use<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    runtime.spawn_blocking(job).map(|output| output.expect("the job does not panic"))
}

impl Pool for TokioCurrent {
    fn submit<F, T>(&self, job: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        submit(&self.0, job)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}

impl Pool for TokioMulti {
    fn submit<F, T>(&self, job: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        submit(&self.0, job)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}
