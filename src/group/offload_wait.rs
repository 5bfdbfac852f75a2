//! Waits for room in a bounded queue.

use super::current;
use super::error::Rejected;
use super::handle::Group;
use crate::deadline::Deadline;
use crate::job::{Host, Offload, Wait, block_on};
use crate::wait_list::Ticket;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The future of a job's being queued. Made by [`Group::offload_wait`].
///
/// Dropped before it resolves, it drops the closure; nothing was queued.
#[must_use = "nothing is queued before the first poll"]
pub struct OffloadWait<F, T> {
    group: Group,
    job: Option<F>,
    ticket: Option<Ticket>,
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
        Self { group, job: Some(job), ticket: None, output: PhantomData }
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

    fn poll_attempt(&mut self, waker: &Waker) -> Poll<Result<Offload<T>, Rejected<F>>> {
        if self.group.core().is_orphaned() {
            // In a forked child the group is closed, and the list's lock may be held by a thread that is gone.
            self.ticket = None;
            return self.attempt().map_or(Poll::Pending, Poll::Ready);
        }
        let room = self.group.core().room.as_ref();
        if let (Some(room), Some(ticket)) = (room, &self.ticket) {
            if room.freed.renew(ticket, waker) {
                // It is not this one's turn, even if there is room: that is for those who were called.
                return Poll::Pending;
            }
        }
        let result = self.attempt().or_else(|| {
            let room = self.group.core().room.as_ref()?;
            room.freed.register(&mut self.ticket, waker);
            // A place that was given back before the registration is seen here, one after calls the waker.
            self.attempt()
        });
        match result {
            Some(result) => {
                // If it was called, then for the place that it found, or for one as good: there is nothing to pass on.
                self.leave();
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
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
        if current::is(Arc::as_ptr(self.group.core())) {
            let job = self.take_job();
            return self.group.offload_if(job, |room| {
                room.take_anyway(1);
                true
            });
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

impl<F, T> OffloadWait<F, T> {
    /// Gives the place in the list back. True if a call had come.
    fn leave(&mut self) -> bool {
        let core = self.group.core();
        // In a forked child the list's lock may be held by a thread that is gone.
        if core.is_orphaned() {
            return false;
        }
        match (self.ticket.take(), &core.room) {
            (Some(ticket), Some(room)) => !room.freed.leave(ticket),
            _ => false,
        }
    }
}

impl<F, T> Drop for OffloadWait<F, T> {
    fn drop(&mut self) {
        // A call that was not answered by an attempt goes on to the next.
        if self.leave() {
            if let Some(room) = &self.group.core().room {
                room.freed.wake_one();
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
        self.poll_attempt(cx.waker())
    }
}

impl<F, T> fmt::Debug for OffloadWait<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OffloadWait").field("group", &self.group).finish_non_exhaustive()
    }
}
