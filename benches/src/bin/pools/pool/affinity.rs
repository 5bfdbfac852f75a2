use super::{Caps, Pool};
use affinitypool::Threadpool;

pub(crate) struct Affinity(Threadpool);

impl Affinity {
    pub(crate) fn new(caps: Caps) -> Self {
        Self(Threadpool::new(caps.fixed))
    }
}

impl Pool for Affinity {
    fn submit<F, T>(&self, job: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.spawn(job)
    }
}
