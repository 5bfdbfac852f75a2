use super::{Caps, Pool};
use futures::FutureExt;
use futures::channel::oneshot;
use threadpool::ThreadPool;

/// The crate `threadpool`.
pub(crate) struct Threads(ThreadPool);

impl Threads {
    pub(crate) fn new(caps: Caps) -> Self {
        Self(ThreadPool::new(caps.fixed))
    }
}

impl Pool for Threads {
    fn submit<F, T>(&self, job: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.0.execute(move || {
            let _ = sender.send(job());
        });
        receiver.map(|output| output.expect("the job does not panic"))
    }
}
