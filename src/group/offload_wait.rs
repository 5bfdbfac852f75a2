//! Waits for room in a bounded queue.

use super::error::Rejected;
use super::handle::Group;
use crate::deadline::Deadline;
use crate::job::{Offload, Wait, block_on};
use crate::room::{Room, Waiter};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// What has a bounded queue: a group or a lane.
pub trait Bounded {
    /// `None` without a limit.
    #[doc(hidden)]
    fn room(&self) -> Option<&Room>;
    /// Whether this thread is one of those who make room.
    #[doc(hidden)]
    fn is_emptied_here(&self) -> bool;
    /// Whether this is a forked child's copy.
    #[doc(hidden)]
    fn is_orphaned(&self) -> bool;
}

/// What takes such jobs.
pub trait Queue<F, R>: Bounded {
    /// Queues it if there is room.
    #[doc(hidden)]
    fn attempt(&self, job: F) -> Result<Offload<R>, Rejected<F>>;
    /// Queues it beyond the limit, too.
    #[doc(hidden)]
    fn attempt_beyond(&self, job: F) -> Result<Offload<R>, Rejected<F>>;
}

/// The future of a job's being queued. Made by [`Group::offload_wait`] and [`Lane::offload_wait`](crate::Lane::offload_wait).
///
/// Dropped before it resolves, it drops the closure; nothing was queued.
#[must_use = "nothing is queued before the first poll"]
pub struct OffloadWait<F, R, Q: Bounded = Group> {
    queue: Q,
    job: Option<F>,
    waiter: Waiter,
    output: PhantomData<fn() -> R>,
}

// Closure and handle are only ever moved, never pinned.
impl<F, R, Q: Bounded> Unpin for OffloadWait<F, R, Q> {}

impl<F, R, Q: Queue<F, R>> OffloadWait<F, R, Q> {
    pub(crate) fn new(queue: Q, job: F) -> Self {
        Self { queue, job: Some(job), waiter: Waiter::default(), output: PhantomData }
    }

    fn take_job(&mut self) -> F {
        self.job.take().expect("`OffloadWait` was polled after it had resolved")
    }

    fn attempt(&mut self) -> Option<Result<Offload<R>, Rejected<F>>> {
        let job = self.take_job();
        match self.queue.attempt(job) {
            Err(rejected) if rejected.is_full() && self.queue.room().is_some_and(Room::has_places) => {
                self.job = Some(rejected.into_job());
                None
            }
            result => Some(result),
        }
    }

    fn poll_attempt(&mut self, waker: &Waker) -> Poll<Result<Offload<R>, Rejected<F>>> {
        if self.queue.is_orphaned() {
            // In a forked child the queue is closed, and the list's lock may be held by a thread that is gone.
            self.waiter.forget();
            return self.attempt().map_or(Poll::Pending, Poll::Ready);
        }
        if self.queue.room().is_some_and(|room| self.waiter.waits_still(room, waker)) {
            return Poll::Pending;
        }
        let result = self.attempt().or_else(|| {
            self.waiter.register(self.queue.room()?, waker);
            // A place that was given back before the registration is seen here, one after calls the waker.
            self.attempt()
        });
        let Some(result) = result else { return Poll::Pending };
        if let Some(room) = self.queue.room() {
            // If it was called, then for the place that it found, or for one as good. If it was refused, the next one may use that place, or is to hear the same.
            if self.waiter.leave(room) && result.is_err() {
                room.wake_next();
            }
        }
        Poll::Ready(result)
    }

    /// Blocks this thread until the job is queued. On an offload thread of the same group (or of the lane's) it goes beyond the limit
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
    pub fn wait(mut self) -> Result<Offload<R>, Rejected<F>> {
        if self.queue.is_emptied_here() {
            let job = self.take_job();
            return self.queue.attempt_beyond(job);
        }
        let result = block_on(Deadline::NEVER, |waker| match self.poll_attempt(waker) {
            Poll::Ready(result) => Wait::Over(result),
            Poll::Pending => Wait::UntilWoken,
        });
        match result {
            Some(result) => result,
            None => unreachable!("NEVER does not pass"),
        }
    }
}

impl<F, R, Q: Bounded> Drop for OffloadWait<F, R, Q> {
    fn drop(&mut self) {
        if self.queue.is_orphaned() {
            return;
        }
        if let Some(room) = self.queue.room() {
            // A call that was not answered by an attempt goes on to the next.
            if self.waiter.leave(room) {
                room.wake_next();
            }
        }
    }
}

impl<F, R, Q: Queue<F, R>> Future for OffloadWait<F, R, Q> {
    type Output = Result<Offload<R>, Rejected<F>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_attempt(cx.waker())
    }
}

impl<F, R, Q: Bounded + fmt::Debug> fmt::Debug for OffloadWait<F, R, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OffloadWait").field("queue", &self.queue).finish_non_exhaustive()
    }
}
