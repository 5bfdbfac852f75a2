//! Reading ahead: chunks that were asked for, and what has come. See `README.md`, "Reading".

use super::behind::Writer;
use crate::job::{JobError, Offload};
use crate::lane::Lane;
use crate::sync::{AtomicBool, Ordering};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The first chunk: what a short file needs, or a line from a terminal, and not much more.
const FIRST_CHUNK: usize = 16 * 1024;
/// From here on the allocator asks the system for each buffer, as a rule.
const LARGE: usize = 128 * 1024;
const PAGE: usize = 4096;
/// So many chunks make up a whole buffer: one is being used, the others are on their way.
const CHUNKS: usize = 4;

/// What one read brought. `None` if it was not made, as the one before had not filled its buffer.
struct Fetched {
    buffer: Vec<u8>,
    /// How many bytes it asked for, and how many it got.
    asked: usize,
    outcome: Option<io::Result<usize>>,
}

struct Chunk {
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        &self.buffer[self.begin..self.end]
    }
}

/// The reader's side.
pub(super) struct Ahead {
    /// Read and not given out yet; the first one is being used.
    chunks: VecDeque<Chunk>,
    /// Asked for, in order.
    fetches: VecDeque<Offload<Fetched>>,
    spare: Vec<Vec<u8>>,
    /// An error that came behind the chunks.
    error: Option<io::Error>,
    /// The next chunk's size, and the largest.
    size: usize,
    most: usize,
    /// Whether the last read filled its buffer: only then is there reason to ask for what comes behind. A pipe or a terminal that has
    /// given what it had would keep the job, and with it the lane, until there is more.
    flows: Arc<AtomicBool>,
}

impl Ahead {
    pub(super) fn new(capacity: usize) -> Self {
        let most = (capacity / CHUNKS).max(1);
        Self {
            chunks: VecDeque::new(),
            fetches: VecDeque::new(),
            spare: Vec::new(),
            error: None,
            size: FIRST_CHUNK.min(most),
            most,
            flows: Arc::new(AtomicBool::new(true)),
        }
    }

    /// What has come and was not given out; nothing if there is nothing.
    pub(super) fn bytes(&self) -> &[u8] {
        self.chunks.front().map_or(&[], Chunk::bytes)
    }

    /// How many bytes were read and not given out.
    pub(super) fn unread(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.bytes().len()).sum()
    }

    /// Whether the source may stand elsewhere than its user thinks.
    pub(super) fn is_ahead(&self) -> bool {
        !self.fetches.is_empty() || !self.chunks.is_empty() || self.error.is_some()
    }

    /// The first so many of the bytes are given out.
    pub(super) fn consume(&mut self, bytes: usize) {
        if let Some(chunk) = self.chunks.front_mut() {
            chunk.begin = (chunk.begin + bytes).min(chunk.end);
            if chunk.begin == chunk.end {
                self.next_chunk();
            }
        }
    }

    fn next_chunk(&mut self) {
        if let Some(chunk) = self.chunks.pop_front() {
            self.keep(chunk.buffer);
        }
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < CHUNKS {
            self.spare.push(buffer);
        }
    }

    /// Ready once there are bytes, or none to come.
    pub(super) fn poll_fill<T: Read + Send + 'static>(
        &mut self,
        lane: &Lane<T>,
        writer: Option<&Writer<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.chunks.is_empty() {
            if let Some(error) = self.error.take() {
                return Poll::Ready(Err(error));
            }
            if self.fetches.is_empty() {
                // Asked for by the user.
                self.flows.store(true, Ordering::Relaxed);
                self.fetch(lane, writer);
            }
            let is_end = ready!(self.poll_fetch(cx))?;
            if is_end {
                return Poll::Ready(Ok(()));
            }
            while self.flows.load(Ordering::Relaxed) && self.fetches.len() + 1 < CHUNKS {
                self.fetch(lane, writer);
            }
        }
        Poll::Ready(Ok(()))
    }

    fn fetch<T: Read + Send + 'static>(&mut self, lane: &Lane<T>, writer: Option<&Writer<T>>) {
        let mut buffer = self.spare.pop().unwrap_or_default();
        let asked = self.size;
        let needed = if asked < LARGE { asked } else { asked + PAGE };
        if buffer.len() < needed {
            // Not grown but made anew, as what is in it is of no use.
            buffer = vec![0; needed];
        }
        let begin = place(&buffer);
        let flows = self.flows.clone();
        let writer = writer.cloned();
        self.fetches.push_back(lane.offload(move |source| {
            // Relaxed: written and read in the turns of one lane, and by a user for whom it is a hint.
            if !flows.load(Ordering::Relaxed) {
                return Fetched { buffer, asked, outcome: None };
            }
            if let Err(error) = writer.map_or(Ok(()), |writer| writer.write_out(source)) {
                flows.store(false, Ordering::Relaxed);
                return Fetched { buffer, asked, outcome: Some(Err(error)) };
            }
            let outcome = read(source, &mut buffer[begin..begin + asked]);
            if !matches!(&outcome, Ok(read) if *read == asked) {
                flows.store(false, Ordering::Relaxed);
            }
            Fetched { buffer, asked, outcome: Some(outcome) }
        }));
    }

    /// Takes in what the first fetch brought. True if that was the end.
    fn poll_fetch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let Some(fetch) = self.fetches.front_mut() else { return Poll::Ready(Ok(false)) };
        let outcome = ready!(fetch.poll_outcome(cx));
        self.fetches.pop_front();
        let Fetched { buffer, asked, outcome } = outcome.map_err(broken)?;
        match outcome {
            None => self.keep(buffer),
            Some(Ok(0)) => {
                // Most likely nobody will ask again.
                self.spare.clear();
                return Poll::Ready(Ok(true));
            }
            Some(Ok(read)) => {
                if read == asked {
                    self.size = (self.size * 2).min(self.most);
                }
                let begin = place(&buffer);
                self.chunks.push_back(Chunk { buffer, begin, end: begin + read });
            }
            Some(Err(error)) => {
                self.keep(buffer);
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(false))
    }

    /// Ready once nothing is asked for any more: the source stands behind the [unread](Self::unread) bytes.
    pub(super) fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Those behind the one that runs.
        self.flows.store(false, Ordering::Relaxed);
        while self.fetches.back_mut().is_some_and(Offload::cancel_now) {
            self.fetches.pop_back();
        }
        while !self.fetches.is_empty() {
            if let Err(error) = ready!(self.poll_fetch(cx)) {
                self.error.get_or_insert(error);
            }
        }
        Poll::Ready(())
    }

    /// Nobody will ask for more.
    pub(super) fn abandon(&mut self) {
        self.flows.store(false, Ordering::Relaxed);
        self.fetches.clear();
    }

    /// The source stands elsewhere: what was read is of no use.
    pub(super) fn forget(&mut self) {
        while !self.chunks.is_empty() {
            self.next_chunk();
        }
        self.error = None;
        self.size = FIRST_CHUNK.min(self.most);
    }
}

/// Where in a buffer its bytes are to begin. A large one that is fresh from the allocator begins 16 bytes behind a page's begin, and the kernel copies into
/// such a place at a third of the speed, on AMD processors at least: measured 1.8 GiB/s there, 5 to 7 elsewhere. A quarter of a page is far from that, and
/// from where the reader's own buffer is likely to begin.
fn place(buffer: &[u8]) -> usize {
    if buffer.len() < LARGE + PAGE { 0 } else { (PAGE / 4).wrapping_sub(buffer.as_ptr() as usize) % PAGE }
}

/// One read, and another if a signal interrupted it.
fn read<T: Read>(source: &mut T, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome.map(|read| read.min(buffer.len())),
        }
    }
}

/// A job that panicked or was cancelled, as an error of IO.
pub(super) fn broken(error: JobError) -> io::Error {
    io::Error::other(error)
}
