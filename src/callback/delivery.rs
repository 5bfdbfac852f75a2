//! A callback that waits for its job on the thread that is to call it.

use super::completions::Completions;
use super::failure::{self, Failure};
use crate::job::{JobError, Offload};
use smallbox::smallbox;
use std::task::{Poll, Waker};

/// A callback whose job is on its way.
pub(super) trait Delivery {
    /// Whether the job is done.
    fn is_finished(&self) -> bool;

    /// Calls, if the job is done. Once.
    fn deliver(&mut self);
}

/// The place of a callback to come.
impl Delivery for () {
    fn is_finished(&self) -> bool {
        false
    }

    fn deliver(&mut self) {}
}

struct Awaited<T, F>(Option<(Offload<T>, F)>);

impl<T, F: FnOnce(Result<T, JobError>)> Delivery for Awaited<T, F> {
    fn is_finished(&self) -> bool {
        self.0.as_ref().is_some_and(|(offload, _)| offload.is_finished())
    }

    fn deliver(&mut self) {
        if let Some((mut offload, f)) = self.0.take() {
            if let Poll::Ready(outcome) = offload.poll_quietly(Waker::noop()) {
                f(outcome);
            }
        }
    }
}

impl<T: Send + 'static> Offload<T> {
    /// Calls `f` with the job's outcome on the thread that owns `completions`, which is this one, when it
    /// [dispatches](Completions::dispatch): exactly once, also if the job panics or is cancelled by its group; unless
    /// `completions` is dropped before, then never.
    ///
    /// Costs no allocation in the long run, if `f` captures at most 48 bytes. In a forked child, with a parent's `completions`, the job
    /// runs and `f` is dropped.
    ///
    /// ```
    /// let completions = aside::Completions::new()?;
    /// aside::offload(|| 6 * 7).on_done_in(&completions, |outcome| assert_eq!(outcome.unwrap(), 42));
    /// assert_eq!(completions.wait(None), 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn on_done_in(self, completions: &Completions, f: impl FnOnce(Result<T, JobError>) + 'static) {
        completions.expect(self, |offload| smallbox!(Awaited(Some((offload, f)))));
    }
}

impl<T: Send + 'static, E: Send + 'static> Offload<Result<T, E>> {
    /// Calls `ok` with the job's value, or `err` with the reason why there is none, on the thread that owns `completions`:
    /// see [`on_done_in`](Self::on_done_in). The other one is dropped there.
    ///
    /// ```
    /// let completions = aside::Completions::new()?;
    /// aside::offload(|| std::fs::read("no such file")).on_complete_in(
    ///     &completions,
    ///     |bytes| println!("{} bytes", bytes.len()),
    ///     |failure| println!("{failure}"),
    /// );
    /// assert_eq!(completions.wait(None), 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn on_complete_in(
        self,
        completions: &Completions,
        ok: impl FnOnce(T) + 'static,
        err: impl FnOnce(Failure<E>) + 'static,
    ) {
        self.on_done_in(completions, |outcome| failure::call_one(outcome, ok, err));
    }
}
