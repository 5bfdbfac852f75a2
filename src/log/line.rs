//! A line that a handle was given in pieces, before its end.

use super::front::LONGEST;
use crate::os::fork::PerProcess;
use crate::sync::{AtomicBool, Mutex, Ordering, lock};

/// Of one handle.
pub(super) struct Line {
    /// A forked child's is its own: what its parent has begun is the parent's, and may be locked by a thread that is gone.
    begun: PerProcess<Mutex<Vec<u8>>>,
    /// Whether there is one. Changed under the lock.
    is_begun: AtomicBool,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { begun: PerProcess::new(), is_begun: AtomicBool::new(false) }
    }

    /// Whether bytes were kept by [`gather`](Self::gather), as far as this thread can know.
    #[inline(always)]
    pub(super) fn is_begun(&self) -> bool {
        // Relaxed: another thread's unfinished line is none of this one's business; its own it sees.
        self.is_begun.load(Ordering::Relaxed)
    }

    /// Works on the bytes that were kept.
    fn with<R>(&self, work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let mut line = lock(self.begun.get_or_set(Mutex::default));
        let done = work(&mut line);
        self.is_begun.store(!line.is_empty(), Ordering::Relaxed);
        done
    }

    /// Keeps bytes without a newline (`end` is 0); else, if a line was begun, returns it with what ends it. Also returns how many bytes are taken.
    pub(super) fn gather(&self, bytes: &[u8], end: usize) -> (Option<Vec<u8>>, usize) {
        self.with(|line| {
            if line.is_empty() && end > 0 {
                return (None, end);
            }
            // Never 0: so long a line goes out in pieces.
            let room = LONGEST - line.len();
            let taken = if end > 0 { end } else { bytes.len() }.min(room);
            line.extend_from_slice(&bytes[..taken]);
            let record = (end > 0 || taken == room).then(|| std::mem::take(line));
            (record, taken)
        })
    }

    /// What was begun, and will not be ended.
    pub(super) fn take(&self) -> Option<Vec<u8>> {
        let line = self.is_begun().then(|| self.with(std::mem::take))?;
        (!line.is_empty()).then_some(line)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.begun.take());
    }
}

#[cfg(all(test, aside_loom))]
mod model {
    use super::*;
    use crate::sync::check;
    use loom::thread;
    use std::sync::Arc;

    /// A thread goes on with a line as another one flushes: nothing is kept where nobody looks for it.
    #[test]
    fn log_line_against_a_flush() {
        check(|| {
            let line = Arc::new(Line::new());
            line.gather(b"1", 0);
            let flushing = {
                let line = line.clone();
                thread::spawn(move || line.take())
            };
            line.gather(b"2", 0);
            let flushed = flushing.join().unwrap();
            assert_eq!([flushed, line.take()].map(Option::unwrap_or_default).concat(), b"12");
        });
    }
}
