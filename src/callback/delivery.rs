//! The ways to give a job a callback on the thread that owns a `Completions`.

use super::completions::Completions;
use super::failure::{self, Failure};
use crate::job::{JobError, Offload};
use crate::panic::contain;

/// One of two closures in a third: if it is never called, it is dropped in its own turn too.
struct Apart<F>(Option<F>);

impl<F> Apart<F> {
    fn call<A>(mut self, argument: A)
    where
        F: FnOnce(A),
    {
        if let Some(f) = self.0.take() {
            f(argument);
        }
    }
}

impl<F> Drop for Apart<F> {
    fn drop(&mut self) {
        let f = self.0.take();
        contain(move || drop(f));
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
    /// # Panics
    ///
    /// If this future has given its output already.
    ///
    /// ```
    /// let completions = aside::Completions::new()?;
    /// aside::offload(|| 6 * 7).on_done_in(&completions, |outcome| assert_eq!(outcome.unwrap(), 42));
    /// assert_eq!(completions.wait(None), 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn on_done_in(self, completions: &Completions, f: impl FnOnce(Result<T, JobError>) + 'static) {
        completions.expect(self, f);
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
        let (ok, err) = (Apart(Some(ok)), Apart(Some(err)));
        self.on_done_in(completions, move |outcome| {
            failure::call_one(outcome, move |value| ok.call(value), move |failure| err.call(failure));
        });
    }
}
