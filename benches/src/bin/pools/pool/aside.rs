use super::{Caps, Pool};
use ::aside::{Builder, Group};

/// How to switch lingering off: `Some(|builder| builder.linger(Duration::ZERO))` once the builder has it. Then there is a peer
/// `aside-nolinger`, and the workload `linger` is part of a plain run.
pub(crate) const NO_LINGER: Option<fn(Builder) -> Builder> =
    Some(|builder| builder.linger(std::time::Duration::ZERO));

/// A group of its own, by default settings but for the cap.
pub(crate) struct Aside(Group);

impl Aside {
    pub(crate) fn new(caps: Caps) -> Self {
        Self::build(Group::builder(), caps)
    }

    pub(crate) fn without_linger(caps: Caps) -> Self {
        let no_linger = NO_LINGER.expect("this version of aside has the setting");
        Self::build(no_linger(Group::builder()), caps)
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
