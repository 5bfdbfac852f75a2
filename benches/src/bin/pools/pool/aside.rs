use super::{Caps, Pool};
use ::aside::{Builder, Group};
use std::time::Duration;

/// A group of its own, by default settings but for the cap.
pub(crate) struct Aside(Group);

impl Aside {
    pub(crate) fn new(caps: Caps) -> Self {
        Self::build(Group::builder(), caps)
    }

    pub(crate) fn without_linger(caps: Caps) -> Self {
        Self::build(Group::builder().linger(Duration::ZERO), caps)
    }

    pub(crate) fn with_timings(caps: Caps) -> Self {
        Self::build(Group::builder().timings(true), caps)
    }

    fn build(builder: Builder, caps: Caps) -> Self {
        Self(builder.max_threads(caps.elastic).build().expect("a group"))
    }
}

impl Pool for Aside {
    fn submit<F, T>(&self, job: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.offload(job)
    }
}
