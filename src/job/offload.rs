//! The future of a job's output.

use super::cancel::Cancel;
use super::catch::Catch;
use super::error::JobError;
use super::handle::{Handle, Outcome, Pending};
use super::host::Host;
use crate::deadline::Deadline;
use futures::future::FusedFuture;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The output of a job that an offload thread runs: a future, and a handle for everything else one may want of it.
///
/// Made by [`offload`](crate::offload) and by the methods of [`Group`](crate::Group). The job is queued already; nothing waits for
/// the first poll. The future resolves to the job's output on any executor, or [`wait`](Self::wait) blocks for it
/// without one.
///
/// # Cancellation
///
/// Dropping it cancels a job that has not started: its closure is dropped there and then, by the dropping thread,
/// and its place in a bounded queue is free again. A job that runs already runs to its end, and its output is dropped on
/// the offload thread. To let it run whatever happens, [`detach`](Self::detach) it. (tokio's `spawn_blocking` detaches when dropped;
/// here a time-out also takes load off the queue.)
///
/// # Panics
///
/// A panic of the job resumes in whoever awaits it. Awaiting a job that was cancelled by its group (see
/// [`Group::shutdown`](crate::Group::shutdown)) panics too, as there is no output to give: use [`catch`](Self::catch) where that can happen.
/// Polling it again after it resolved panics.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let text = aside::offload(|| std::fs::read_to_string("Cargo.toml")).await?;
/// assert!(text.contains("[package]"));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[must_use = "dropping it cancels the job unless it has started; to let it run call `.detach()`"]
pub struct Offload<T>(Pending<T>);

impl<T> Offload<T> {
    pub(super) fn new(handle: Handle<T>) -> Self {
        Self(Pending::new(handle))
    }

    pub(crate) fn host(&self) -> Option<&Arc<dyn Host>> {
        self.0.handle().map(Handle::host)
    }

    /// Says that the job, which is not queued yet, takes no place in a bounded queue.
    pub(crate) fn take_no_place(&self) {
        if let Some(handle) = self.0.handle() {
            handle.take_no_place();
        }
    }

    /// Says that the waker to come is a callback, which may take any time.
    pub(crate) fn expect_callback(&self) {
        if let Some(handle) = self.0.handle() {
            handle.expect_callback();
        }
    }

    /// How the job ended, if it has; else `waker` is called when it does, and never before.
    pub(crate) fn poll_quietly(&mut self, waker: &Waker) -> Poll<Outcome<T>> {
        self.0.poll(waker)
    }

    /// Has `waker` called, once, when the job is done, in place of any other, which is given back. False if it is done already: then
    /// nothing is called, and it may be `waker` itself that is given back.
    #[inline]
    pub(crate) fn leave_waker(&mut self, waker: Waker) -> (bool, Option<Waker>) {
        match self.0.handle_mut() {
            Some(handle) => handle.leave_waker(waker),
            None => (false, Some(waker)),
        }
    }

    #[inline]
    pub(super) fn into_handle(self) -> Option<Handle<T>> {
        self.0.into_handle()
    }

    pub(crate) fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        self.0.poll_nudging(cx.waker())
    }

    pub(crate) fn wait_outcome(&mut self, deadline: Deadline) -> Option<Outcome<T>> {
        self.0.wait(deadline)
    }

    /// Cancels the job if it has not started; the future then resolves to `Cancelled`.
    pub(crate) fn cancel_now(&mut self) -> bool {
        self.0.handle_mut().is_some_and(Handle::cancel)
    }

    /// Blocks this thread until the job is done, and returns its output. Needs no executor.
    ///
    /// On an offload thread of the job's own group, a job that has not started runs right here: jobs may wait for jobs of
    /// their group, however deep and even with every thread of it taken, without a deadlock. (`block_on(job)` inside a job
    /// has no such protection.) Each level takes room on this thread's stack. A job of *another* group never runs
    /// here; so two groups, each full of jobs that wait for the other's, do wait for ever.
    ///
    /// # Panics
    ///
    /// As when awaited: see [`Offload`].
    ///
    /// ```
    /// assert_eq!(aside::offload(|| 6 * 7).wait(), 42);
    /// ```
    #[track_caller]
    pub fn wait(mut self) -> T {
        match self.0.wait(Deadline::NEVER) {
            Some(outcome) => value_or_panic(outcome),
            None => unreachable!("NEVER does not pass"),
        }
    }

    /// As [`wait`](Self::wait), but no longer than until the deadline; and so, on an offload thread, without running the
    /// job there.
    ///
    /// # Errors
    ///
    /// Gives the handle back if the job is not done by then. Nothing is cancelled.
    ///
    /// # Panics
    ///
    /// As when awaited: see [`Offload`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let (open, gate) = std::sync::mpsc::channel::<()>();
    /// let job = aside::offload(move || gate.recv());
    /// let job = job.wait_deadline(Duration::from_millis(5)).unwrap_err();
    /// open.send(()).unwrap();
    /// job.wait().unwrap();
    /// ```
    #[track_caller]
    pub fn wait_deadline(mut self, deadline: impl Into<Deadline>) -> Result<T, Self> {
        match self.0.wait(deadline.into()) {
            Some(outcome) => Ok(value_or_panic(outcome)),
            None => Err(self),
        }
    }

    /// Lets the job run whatever happens, and forgets its output, which is dropped on the offload thread, or right here if
    /// the job is done already. A panic of the job is reported by the panic hook, on the offload thread, and goes no further.
    ///
    /// ```
    /// let (done, wait) = std::sync::mpsc::channel();
    /// aside::offload(move || done.send("written")).detach();
    /// assert_eq!(wait.recv(), Ok("written"));
    /// ```
    pub fn detach(self) {
        if let Some(handle) = self.0.into_handle() {
            handle.detach();
        }
    }

    /// Cancels the job unless it has started, and tells which it was: the returned future, or its
    /// [`wait`](Cancel::wait), gives `None` if the job never ran, and `Some(output)` if it did.
    ///
    /// The closure of a cancelled job is dropped before this returns, by this thread.
    ///
    /// ```
    /// match aside::offload(|| "ran").cancel().wait() {
    ///     Some(output) => assert_eq!(output, "ran"),
    ///     None => println!("never started"),
    /// }
    /// ```
    pub fn cancel(mut self) -> Cancel<T> {
        let never_ran = self.cancel_now() || self.0.handle().is_some_and(Handle::is_cancelled);
        Cancel::new(self, never_ran)
    }

    /// The same as a future of a `Result`: a panic or a cancellation becomes a [`JobError`] and is not thrown.
    ///
    /// ```
    /// use aside::{JobError, offload};
    ///
    /// let outcome = offload(|| -> u8 { panic!("no luck") }).catch().wait();
    /// assert!(matches!(outcome, Err(JobError::Panicked(panic)) if panic.message() == Some("no luck")));
    /// assert_eq!(offload(|| 5).catch().wait().unwrap(), 5);
    /// ```
    pub fn catch(self) -> Catch<T> {
        Catch::new(self)
    }

    /// Whether the job is done (or cancelled) and its output can be had without waiting. Also true once the
    /// output has been taken.
    pub fn is_finished(&self) -> bool {
        self.0.handle().is_none_or(Handle::is_finished)
    }
}

impl<T> Future for Offload<T> {
    type Output = T;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.poll_outcome(cx).map(value_or_panic)
    }
}

impl<T> FusedFuture for Offload<T> {
    fn is_terminated(&self) -> bool {
        self.0.handle().is_none()
    }
}

impl<T> fmt::Debug for Offload<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.handle() {
            Some(handle) => f.debug_tuple("Offload").field(&handle.state()).finish(),
            None => f.write_str("Offload(taken)"),
        }
    }
}

#[track_caller]
pub(super) fn value_or_panic<T>(outcome: Outcome<T>) -> T {
    match outcome {
        Ok(value) => value,
        Err(JobError::Panicked(panic)) => panic.resume(),
        Err(JobError::Cancelled) => panic!(
            "awaited a job that its group cancelled before it started (the group was shut down; `.catch()` tells without a panic)"
        ),
    }
}
