//! Reading ahead: chunks that were asked for, and what has come. See `README.md`, "Reading".

use super::behind::Writer;
use crate::job::{JobError, Offload};
use crate::lane::Lane;
use crate::sync::{AtomicBool, Ordering};
use std::any::Any;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// The first chunk: what a short file needs, or a line from a terminal, and not much more.
const FIRST_CHUNK: usize = 16 * 1024;
/// From here on the allocator asks the system for each buffer, as a rule.
const LARGE: usize = 128 * 1024;
const PAGE: usize = 4096;
/// So many chunks at least make up a whole buffer: one is being used, the others are on their way.
const CHUNKS: usize = 4;
/// The largest chunk. One should take longer than a wake-up does, where each is waited for by itself, ...
const LONGEST_CHUNK: usize = 1024 * 1024;
/// ... and is better short and many where several are waited for at a time.
const FILE_CHUNK: usize = 256 * 1024;
/// A file is read ahead by as much as it gives in this time, if the buffer allows.
const AHEAD: Duration = Duration::from_millis(5);
/// Who waits for a file may be left waiting for that much longer, so that it finds several chunks, ...
const PATIENCE: Duration = Duration::from_micros(1200);
/// ... while so much is left to be read that the offload thread is at it until the user has woken up and asked for more.
const RESERVE: Duration = Duration::from_micros(200);

/// What kind of source it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Nobody has looked.
    Unknown,
    /// A regular file: a read of it ends, whatever its user does.
    File,
    /// It may be that it gives no more before its user has done something.
    Other,
}

impl Source {
    fn of<T: 'static>(source: &T) -> Self {
        let file = (source as &dyn Any).downcast_ref::<File>();
        let is_regular = file.is_some_and(|file| file.metadata().is_ok_and(|metadata| metadata.is_file()));
        if is_regular { Source::File } else { Source::Other }
    }
}

/// What one read brought. `None` if it was not made, as the one before had not filled its buffer.
struct Fetched {
    buffer: Vec<u8>,
    /// How many bytes it asked for, and how many it got.
    asked: usize,
    outcome: Option<io::Result<usize>>,
    took: Duration,
    source: Source,
}

enum Fetch {
    Asked(Offload<Fetched>),
    Done(Result<Fetched, JobError>),
}

impl Fetch {
    /// Ready once it is done.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Fetch::Asked(job) = self {
            *self = Fetch::Done(ready!(job.poll_outcome(cx)));
        }
        Poll::Ready(())
    }

    fn is_done(&self) -> bool {
        match self {
            Fetch::Asked(job) => job.is_finished(),
            Fetch::Done(_) => true,
        }
    }

    fn cancel(&mut self) -> bool {
        match self {
            Fetch::Asked(job) => job.cancel_now(),
            Fetch::Done(_) => false,
        }
    }
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
    fetches: VecDeque<Fetch>,
    spare: Vec<Vec<u8>>,
    /// An error that came behind the chunks.
    error: Option<io::Error>,
    source: Source,
    /// How many bytes may be read and on their way.
    capacity: usize,
    /// The next chunk's size.
    size: usize,
    /// How long the last one took to read.
    pace: Duration,
    /// Whether the last read filled its buffer: only then is there reason to ask for what comes behind. A pipe or a terminal that has
    /// given what it had would keep the job, and with it the lane, until there is more.
    flows: Arc<AtomicBool>,
}

impl Ahead {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            chunks: VecDeque::new(),
            fetches: VecDeque::new(),
            spare: Vec::new(),
            error: None,
            source: Source::Unknown,
            capacity,
            size: FIRST_CHUNK.min((capacity / CHUNKS).max(1)),
            pace: Duration::MAX,
            flows: Arc::new(AtomicBool::new(true)),
        }
    }

    /// The largest chunk.
    fn most(&self) -> usize {
        let longest = if self.source == Source::File { FILE_CHUNK } else { LONGEST_CHUNK };
        longest.min(self.capacity / CHUNKS).max(1)
    }

    /// How many chunks there may be, the one that is being used among them.
    fn depth(&self) -> usize {
        if self.source == Source::File && self.size == self.most() {
            times(AHEAD, self.pace).min(self.capacity / self.size).max(CHUNKS)
        } else {
            CHUNKS
        }
    }

    /// Which of the fetches is worth waiting for: the first one, or a later one, if that one comes soon and is sure to come.
    fn awaited(&self) -> usize {
        if self.source != Source::File || self.size < self.most() {
            return 0;
        }
        let reserve = 1 + times(RESERVE, self.pace);
        times(PATIENCE, self.pace).min((self.fetches.len() - 1).saturating_sub(reserve))
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
        if self.spare.len() < self.depth() {
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
            let depth = self.depth();
            while self.flows.load(Ordering::Relaxed) && self.fetches.len() + 1 < depth {
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
        let known = self.source;
        let job = lane.offload(move |source| {
            let mut fetched = Fetched { buffer, asked, outcome: None, took: Duration::ZERO, source: known };
            // Relaxed: written and read in the turns of one lane, and by a user for whom it is a hint.
            if !flows.load(Ordering::Relaxed) {
                return fetched;
            }
            if known == Source::Unknown {
                fetched.source = Source::of(source);
            }
            let written = writer.map_or(Ok(()), |writer| writer.write_out(source));
            let begun = Instant::now();
            let outcome = written.and_then(|()| read(source, &mut fetched.buffer[begin..begin + asked]));
            fetched.took = begun.elapsed();
            if !matches!(&outcome, Ok(read) if *read == asked) {
                flows.store(false, Ordering::Relaxed);
            }
            fetched.outcome = Some(outcome);
            fetched
        });
        self.fetches.push_back(Fetch::Asked(job));
    }

    /// Takes in what the first fetch brought, once it and perhaps some others are there. True if that was the end.
    fn poll_fetch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let Some(first) = self.fetches.front() else { return Poll::Ready(Ok(false)) };
        if !first.is_done() {
            let awaited = self.awaited();
            ready!(self.fetches[awaited].poll(cx));
        }
        // Fetches are done in the order in which they were asked for.
        ready!(self.fetches[0].poll(cx));
        let Some(Fetch::Done(outcome)) = self.fetches.pop_front() else { return Poll::Ready(Ok(false)) };
        let Fetched { buffer, asked, outcome, took, source } = outcome.map_err(broken)?;
        if source != Source::Unknown {
            self.source = source;
        }
        match outcome {
            None => self.keep(buffer),
            Some(Ok(0)) => {
                // Most likely nobody will ask again.
                self.spare.clear();
                return Poll::Ready(Ok(true));
            }
            Some(Ok(read)) => {
                if read == asked {
                    self.size = (self.size * 2).min(self.most());
                    // One that was asked for when they were smaller says nothing.
                    self.pace = if asked == self.size { took } else { Duration::MAX };
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
        while self.fetches.back_mut().is_some_and(Fetch::cancel) {
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
        self.size = FIRST_CHUNK.min(self.most());
    }
}

/// Where in a buffer its bytes are to begin. A large one that is fresh from the allocator begins 16 bytes behind a page's begin, and the kernel copies into
/// such a place at a third of the speed, on AMD processors at least: measured 1.8 GiB/s there, 5 to 7 elsewhere. A quarter of a page is far from that, and
/// from where the reader's own buffer is likely to begin.
fn place(buffer: &[u8]) -> usize {
    if buffer.len() < LARGE + PAGE { 0 } else { (PAGE / 4).wrapping_sub(buffer.as_ptr() as usize) % PAGE }
}

/// How many times the shorter one goes into the longer one.
fn times(long: Duration, short: Duration) -> usize {
    // At most the nanoseconds of a few milliseconds.
    (long.as_nanos() / short.as_nanos().max(1)) as usize
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

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::Source;

    #[test]
    fn only_regular_files_are_sure_to_go_on() {
        assert!(Source::of(&tempfile::tempfile().unwrap()) == Source::File);
        assert!(Source::of(&std::io::Cursor::new([0])) == Source::Other);
        #[cfg(unix)]
        {
            let (pipe, _end) = rustix::pipe::pipe().unwrap();
            assert!(Source::of(&std::fs::File::from(pipe)) == Source::Other);
        }
    }
}
