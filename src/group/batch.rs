//! The outputs of many jobs, in their order.

use crate::job::Offload;
use futures::Stream;
use futures::stream::FusedStream;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The stream of the outputs of a batch of jobs, in the order the jobs were given. Made by [`Group::offload_all`](crate::Group::offload_all).
///
/// All jobs are queued already. Dropping the stream cancels those that have not started. As an [`Iterator`] (by
/// `into_iter`) it gives the single jobs' handles.
///
/// # Panics
///
/// A panic of a job resumes in whoever polls the stream up to it, as does the panic for a cancelled job (see [`Offload`]). The
/// stream may be polled on after that, for the next output.
#[derive(Debug)]
#[must_use = "dropping it cancels the jobs that have not started"]
pub struct OffloadAll<T>(VecDeque<Offload<T>>);

impl<T> OffloadAll<T> {
    pub(super) fn new(offloads: VecDeque<Offload<T>>) -> Self {
        Self(offloads)
    }

    /// How many outputs are still to come.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets all jobs run whatever happens, and forgets their outputs.
    pub fn detach(self) {
        self.0.into_iter().for_each(Offload::detach);
    }

    /// Blocks this thread until all jobs are done, and returns their outputs.
    ///
    /// # Panics
    ///
    /// With the first job that panicked; jobs behind it that have not started are cancelled.
    ///
    /// ```
    /// let outputs = aside::Group::global().offload_all((1..=3).map(|n| move || n * 10)).wait();
    /// assert_eq!(outputs, [10, 20, 30]);
    /// ```
    pub fn wait(self) -> Vec<T> {
        self.0.into_iter().map(Offload::wait).collect()
    }
}

impl<T> IntoIterator for OffloadAll<T> {
    type Item = Offload<T>;
    type IntoIter = std::collections::vec_deque::IntoIter<Offload<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T> Stream for OffloadAll<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(mut first) = self.0.pop_front() else { return Poll::Ready(None) };
        // Taken out first: a panic of the job leaves the rest of the stream as it should be.
        match Pin::new(&mut first).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => {
                self.0.push_front(first);
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl<T> FusedStream for OffloadAll<T> {
    fn is_terminated(&self) -> bool {
        self.0.is_empty()
    }
}
