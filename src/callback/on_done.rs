//! Callbacks on the offload thread.
//!
//! A callback is a waker: woken by the job's end, it polls the job's future once, finds it ready, and calls. There is no
//! thread, no queue and no loop of its own.

use super::failure::{self, Failure};
use crate::job::{JobError, Offload};
use crate::panic::contain;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Wake, Waker};

impl<T: Send + 'static> Offload<T> {
    /// Calls `f` with the job's outcome: exactly once, also if the job panics or is cancelled by its group.
    ///
    /// # Which thread calls
    ///
    /// The offload thread that ran the job, right after it; a slow callback holds up that thread. If the job was done
    /// before this method was called, another job of the same group calls (it counts as one in the group's statistics), or, if that group
    /// takes no more jobs, this thread does. If the group is shut down before the job starts, the thread that called
    /// [`shutdown`](crate::Group::shutdown) does. A panic of `f` is caught (the panic hook has reported it by then).
    ///
    /// If the system refuses the group its only thread, nothing happens until the group is used again: see
    /// [`Group::offload`](crate::Group::offload).
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (tell, hear) = mpsc::channel();
    /// aside::offload(|| 6 * 7).on_done(move |outcome| tell.send(outcome.unwrap()).unwrap());
    /// assert_eq!(hear.recv(), Ok(42));
    /// ```
    pub fn on_done(self, f: impl FnOnce(Result<T, JobError>) + Send + 'static) {
        let host = self.host().cloned();
        self.expect_callback();
        let callback = Arc::new(Callback(Mutex::new(State { held: Some((self, f)), woken: false })));
        let waker = Waker::from(callback.clone());
        match (callback.poll(&waker), host) {
            (None, Some(host)) => {
                // If the system refused the group a thread, this is a chance to try again.
                host.nudge();
            }
            (Some(call), Some(host)) => {
                // Given back, it calls as it is dropped; and so it does if the group is shut down before its turn.
                drop(host.run_later(Box::new(move || drop(call))));
            }
            (call, None) => drop(call),
        }
    }
}

impl<T: Send + 'static, E: Send + 'static> Offload<Result<T, E>> {
    /// Calls `ok` with the job's value, or `err` with the reason why there is none: exactly one of the two, exactly once.
    /// On which thread, and what becomes of a panic, is as for [`on_done`](Self::on_done).
    ///
    /// ```
    /// use aside::Failure;
    /// use std::sync::mpsc;
    ///
    /// let (tell, hear) = mpsc::channel();
    /// let tell_error = tell.clone();
    /// aside::offload(|| std::fs::read("no such file")).on_complete(
    ///     move |bytes| tell.send(format!("{} bytes", bytes.len())).unwrap(),
    ///     move |failure| match failure {
    ///         Failure::Failed(error) => tell_error.send(error.kind().to_string()).unwrap(),
    ///         other => panic!("{other}"),
    ///     },
    /// );
    /// assert_eq!(hear.recv().unwrap(), "entity not found");
    /// ```
    pub fn on_complete(
        self,
        ok: impl FnOnce(T) + Send + 'static,
        err: impl FnOnce(Failure<E>) + Send + 'static,
    ) {
        self.on_done(move |outcome| failure::call_one(outcome, ok, err));
    }
}

/// A job and what to do at its end.
struct Callback<T, F>(Mutex<State<T, F>>);

struct State<T, F> {
    /// Empty while somebody polls the job, and once it has ended.
    held: Option<(Offload<T>, F)>,
    /// Woken while somebody polled: the job must be polled again.
    woken: bool,
}

/// Calls when it is dropped, so that a callback cannot get lost on the way.
struct Call<T, F: FnOnce(Result<T, JobError>)>(Option<(Result<T, JobError>, F)>);

impl<T, F: FnOnce(Result<T, JobError>)> Drop for Call<T, F> {
    fn drop(&mut self) {
        if let Some((outcome, f)) = self.0.take() {
            contain(move || f(outcome));
        }
    }
}

impl<T, F> Callback<T, F>
where
    T: Send + 'static,
    F: FnOnce(Result<T, JobError>) + Send + 'static,
{
    fn state(&self) -> MutexGuard<'_, State<T, F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call to make, if the job has ended. Given out once.
    fn poll(&self, waker: &Waker) -> Option<Call<T, F>> {
        let held = {
            let mut state = self.state();
            state.woken = state.held.is_none();
            state.held.take()
        };
        let (mut offload, f) = held?;
        loop {
            // Outside the lock: this may drop a waker that was left in the job before, which is foreign code.
            if let Poll::Ready(outcome) = offload.poll_quietly(waker) {
                return Some(Call(Some((outcome, f))));
            }
            let mut state = self.state();
            if !std::mem::take(&mut state.woken) {
                state.held = Some((offload, f));
                return None;
            }
        }
    }
}

impl<T, F> Wake for Callback<T, F>
where
    T: Send + 'static,
    F: FnOnce(Result<T, JobError>) + Send + 'static,
{
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(self.clone());
        drop(self.poll(&waker));
    }
}
