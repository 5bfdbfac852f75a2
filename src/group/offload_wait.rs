//! Waits for room in a bounded queue.

use super::current;
use super::error::Rejected;
use super::handle::Group;
use crate::job::Offload;
use event_listener::EventListener;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The future of a job's being queued. Made by [`Group::offload_wait`].
///
/// Dropped before it resolves, it drops the closure; nothing was queued.
#[must_use = "nothing is queued before the first poll"]
pub struct OffloadWait<F, T> {
    group: Group,
    job: Option<F>,
    listener: Option<EventListener>,
    output: PhantomData<fn() -> T>,
}

// The closure is only ever moved, never pinned.
impl<F, T> Unpin for OffloadWait<F, T> {}

impl<F, T> OffloadWait<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    pub(super) fn new(group: Group, job: F) -> Self {
        Self { group, job: Some(job), listener: None, output: PhantomData }
    }

    fn take_job(&mut self) -> F {
        self.job.take().expect("`OffloadWait` was polled after it had resolved")
    }

    fn attempt(&mut self) -> Option<Result<Offload<T>, Rejected<F>>> {
        let job = self.take_job();
        match self.group.try_offload(job) {
            Err(rejected) if rejected.is_full() => {
                self.job = Some(rejected.into_job());
                None
            }
            result => Some(result),
        }
    }

    /// An attempt after which nothing that happens goes unheard.
    fn attempt_listening(&mut self) -> Option<Result<Offload<T>, Rejected<F>>> {
        self.attempt().or_else(|| {
            self.listener = self.group.core().room.as_ref().map(|room| room.listen());
            let result = self.attempt();
            if result.is_some() {
                // Passes a notification that came meanwhile on to the next.
                self.listener = None;
            }
            result
        })
    }

    /// Blocks this thread until the job is queued. On an offload thread of the same group it goes beyond the limit
    /// instead: this thread may be the one that would have to make room.
    ///
    /// # Errors
    ///
    /// As for the future: see [`Group::offload_wait`].
    ///
    /// ```
    /// let group = aside::Group::builder().queue_limit(1).build()?;
    /// let offload = group.offload_wait(|| 3).wait().unwrap();
    /// assert_eq!(offload.wait(), 3);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn wait(mut self) -> Result<Offload<T>, Rejected<F>> {
        use event_listener::Listener;
        loop {
            if let Some(result) = self.attempt_listening() {
                return result;
            }
            if current::is(Arc::as_ptr(self.group.core())) {
                let job = self.take_job();
                return self.group.offload_if(job, |room| {
                    room.take_anyway(1);
                    true
                });
            }
            if let Some(listener) = self.listener.take() {
                listener.wait();
            }
        }
    }
}

impl<F, T> Future for OffloadWait<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<Offload<T>, Rejected<F>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Some(listener) = &mut self.listener {
                ready!(Pin::new(listener).poll(cx));
                self.listener = None;
            }
            if let Some(result) = self.attempt_listening() {
                return Poll::Ready(result);
            }
        }
    }
}

impl<F, T> fmt::Debug for OffloadWait<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OffloadWait").field("group", &self.group).finish_non_exhaustive()
    }
}
