use super::{Caps, Pool};
use ::rayon::{ThreadPool, ThreadPoolBuilder};
use futures::FutureExt;
use futures::channel::oneshot;

pub(crate) struct Rayon(ThreadPool);

impl Rayon {
    pub(crate) fn new(caps: Caps) -> Self {
        Self(ThreadPoolBuilder::new().num_threads(caps.fixed).build().expect("a pool"))
    }
}

impl Pool for Rayon {
    fn submit<F, T>(&self, job: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.0.spawn(move || {
            let _ = sender.send(job());
        });
        receiver.map(|output| output.expect("the job does not panic"))
    }
}
