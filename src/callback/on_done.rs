//! Callbacks on the offload thread.
//!
//! A callback is a waker: woken by the job's end, it polls the job's future once, finds it ready, and calls. There is no
//! thread, no queue and no loop of its own.

use super::failure::Failure;
use crate::job::{JobError, Offload};
use crate::panic::contain;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Wake, Waker};

impl<T: Send + 'static> Offload<T> {
    /// Calls `f` with the job's outcome: exactly once, also if the job panics or is cancelled by its group.
    ///
    /// # Which thread calls
    ///
    /// The offload thread that ran the job, right after it; a slow callback holds up that thread. If the job was done
    /// before this method was called, another job of the same group calls, or, if that group takes no more jobs, this
    /// thread does. If the group is shut down before the job starts, the thread that called
    /// [`shutdown`](crate::Group::shutdown) does. A panic of `f` is caught (the panic hook has reported it by then).
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
        let callback = Arc::new(Callback(Mutex::new(Some((self, f)))));
        let waker = Waker::from(callback.clone());
        if let Some(call) = callback.poll(&waker) {
            let call: Box<dyn FnOnce() + Send> = Box::new(call);
            let call = match host {
                Some(host) => host.run_later(call),
                None => Err(call),
            };
            if let Err(call) = call {
                call();
            }
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
        self.on_done(move |outcome| {
            let failure = match outcome {
                Ok(Ok(value)) => {
                    // The callback that is not needed goes first, so that two panics cannot meet.
                    contain(move || drop(err));
                    return ok(value);
                }
                Ok(Err(error)) => Failure::Failed(error),
                Err(error) => error.into(),
            };
            contain(move || drop(ok));
            err(failure);
        });
    }
}

/// A job and what to do at its end. Empty once that is done.
struct Callback<T, F>(Mutex<Option<(Offload<T>, F)>>);

impl<T, F> Callback<T, F>
where
    T: Send + 'static,
    F: FnOnce(Result<T, JobError>) + Send + 'static,
{
    /// The call to make, if the job has ended. Given out once.
    fn poll(&self, waker: &Waker) -> Option<impl FnOnce() + Send + 'static + use<T, F>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut offload, f) = slot.take()?;
        match offload.poll_quietly(waker) {
            Poll::Pending => {
                *slot = Some((offload, f));
                None
            }
            Poll::Ready(outcome) => {
                drop(slot);
                Some(move || {
                    contain(move || f(outcome));
                })
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
        if let Some(call) = self.poll(&waker) {
            call();
        }
    }
}
