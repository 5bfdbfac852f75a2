//! A flush that is under way.

use super::ahead::broken;
use super::behind::Writer;
use crate::job::Offload;
use crate::lane::Lane;
use std::io;
use std::task::{Context, Poll, ready};

/// What one writer remembers of its flushes.
#[derive(Default)]
pub(super) struct Flush {
    under_way: Option<UnderWay>,
}

struct UnderWay {
    /// Of how many of its changes.
    changes: u64,
    /// False if nothing is flushed, because of an error.
    job: Offload<bool>,
}

impl Flush {
    /// Ready once all that was accepted is written and flushed: so many changes.
    pub(super) fn poll<T: Send + 'static>(
        &mut self,
        lane: &Lane<T>,
        writer: &Writer<T>,
        changes: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if let Some(error) = writer.behind.take_error() {
                return Poll::Ready(Err(error));
            }
            let under_way = self.under_way.get_or_insert_with(|| {
                let writer = writer.clone();
                UnderWay { changes, job: lane.offload(move |inner| writer.flush(inner)) }
            });
            let flushed = ready!(under_way.job.poll_outcome(cx));
            // An earlier one, whose user has dropped it, says nothing of what came later.
            let is_all = under_way.changes == changes;
            self.under_way = None;
            // Not flushed, and no error there: it went to another call. That one has its answer, this one tries again.
            if flushed.map_err(broken)? && is_all {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
