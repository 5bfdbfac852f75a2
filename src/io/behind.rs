//! Writing behind: bytes that were accepted, and the job that writes them out. See `README.md`, "Writing".

use crate::lane::Lane;
use crate::os::prefetch::prefetch_to_write;
use crate::panic::drop_payload;
use crate::patience::pause;
use crate::sync::{Mutex, MutexGuard, lock};
use crate::wait_list::{Ticket, WaitList};
use std::io::{self, ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// Below this a job that has just written looks again only after a moment, so that a writer who is at it right now finds the
/// lock free, and the next write to the system is a long one.
const SHORT: usize = 64 * 1024;
/// 100-byte writes come at 20 to 30 million a second: some 30 KB in this time.
const HOLD_OFF: Duration = Duration::from_micros(10);
/// After so many chunks a job goes to the end of its lane's queue, so that others get its thread.
const MOST_CHUNKS: u32 = 64;
/// So far behind a write are the lines that are asked for: some ten short ones.
const AHEAD: usize = 1024;
/// What is kept of a buffer once all is written.
const KEPT: usize = 64 * 1024;

/// What a writer and its jobs share.
pub(super) struct Behind {
    buffer: Mutex<Buffer>,
    /// Writers that wait for room.
    room: WaitList,
    /// How many bytes may wait to be written, besides the chunk that is being written.
    capacity: usize,
}

#[derive(Default)]
struct Buffer {
    /// Accepted and not written.
    bytes: Vec<u8>,
    /// An empty one, so that filling and writing take turns with two.
    spare: Vec<u8>,
    /// How many bytes the chunk has that is being written.
    under_way: usize,
    /// Whether a job is on its way that will look at `bytes`.
    has_job: bool,
    /// Of the last attempt to write, until somebody is told. Nothing is attempted meanwhile.
    error: Option<io::Error>,
}

impl Buffer {
    /// How many bytes may be accepted. The chunk counts only in so far as it is larger than the capacity: one that failed came back, and
    /// was joined by what had been accepted meanwhile.
    fn room(&self, capacity: usize) -> usize {
        capacity.saturating_sub(self.bytes.len() + self.under_way.saturating_sub(capacity))
    }

    /// Whether a job is to be queued, which the caller then does.
    fn wants_job(&mut self) -> bool {
        let wants = !self.has_job && !self.bytes.is_empty() && self.error.is_none();
        self.has_job |= wants;
        wants
    }
}

/// How much of a write is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// What there is room for.
    SomeOfIt,
    /// All of it or nothing, so that no other writer comes between; but no more than the capacity in one go.
    AllOfIt,
}

impl Behind {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { buffer: Mutex::default(), room: WaitList::new(), capacity: capacity.max(1) })
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        lock(&self.buffer)
    }

    /// Accepts bytes. An error of bytes that were accepted before comes out here, once.
    pub(super) fn poll_write<T: Write + Send + 'static>(
        self: &Arc<Self>,
        lane: &Lane<T>,
        bytes: &[u8],
        take: Take,
        ticket: &mut Option<Ticket>,
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        let mut result = self.try_write(lane, bytes, take);
        if result.is_none() {
            self.room.register(ticket, waker);
            // Room that was made before the registration is seen here, room that is made later calls the waker.
            result = self.try_write(lane, bytes, take);
        }
        match result {
            Some(result) => {
                self.leave(ticket);
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }

    /// Gives a place among those who wait for room back.
    pub(super) fn leave(&self, ticket: &mut Option<Ticket>) {
        if let Some(ticket) = ticket.take() {
            self.room.leave(ticket);
        }
    }

    fn try_write<T: Write + Send + 'static>(
        self: &Arc<Self>,
        lane: &Lane<T>,
        bytes: &[u8],
        take: Take,
    ) -> Option<io::Result<usize>> {
        let mut buffer = self.buffer();
        if let Some(error) = buffer.error.take() {
            return Some(Err(error));
        }
        let room = buffer.room(self.capacity);
        let taken = match take {
            Take::AllOfIt if room > 0 => bytes.len().min(self.capacity),
            Take::AllOfIt => 0,
            Take::SomeOfIt => bytes.len().min(room),
        };
        buffer.bytes.extend_from_slice(&bytes[..taken]);
        ask_for_the_next(&buffer.bytes, taken);
        let wants_job = buffer.wants_job();
        drop(buffer);
        if wants_job {
            Writing(Some(self.clone())).queue(lane);
        }
        (taken > 0 || bytes.is_empty()).then_some(Ok(taken))
    }

    /// The error of bytes that were accepted before, if nobody was told yet.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.buffer().error.take()
    }

    /// Keeps an error for whoever comes next, unless an earlier one waits.
    pub(super) fn keep_error(&self, error: io::Error) {
        self.buffer().error.get_or_insert(error);
        // While it waits no job makes room.
        self.room.wake_all();
    }

    /// What could not be written.
    pub(super) fn take_bytes(&self) -> Vec<u8> {
        std::mem::take(&mut self.buffer().bytes)
    }

    /// Whether there is nothing accepted that is not written, and no error that nobody was told.
    pub(super) fn is_clean(&self) -> bool {
        let buffer = self.buffer();
        buffer.bytes.is_empty() && buffer.error.is_none() && !buffer.has_job
    }

    /// Writes all that was accepted by now, on this thread: an offload thread that has its turn. (Not what is accepted meanwhile, lest
    /// those who go on writing keep it here.)
    ///
    /// # Errors
    ///
    /// If that failed, or an error waits. It goes to the next write, flush or close; this one only says so.
    pub(super) fn write_out<T: Write>(&self, inner: &mut T) -> io::Result<()> {
        self.write_chunk(inner).map(drop)
    }

    /// Writes all that was accepted by now. Errors as those of [`write_out`](Self::write_out).
    fn write_chunk<T: Write>(&self, inner: &mut T) -> io::Result<Progress> {
        let bytes = {
            let buffer = &mut *self.buffer();
            if let Some(error) = &buffer.error {
                return Err(in_the_way(error));
            }
            if buffer.bytes.is_empty() {
                return Ok(Progress::Nothing);
            }
            buffer.under_way = buffer.bytes.len();
            std::mem::replace(&mut buffer.bytes, std::mem::take(&mut buffer.spare))
        };
        self.room.wake_all();
        let mut written = 0;
        let outcome = write_all(inner, &bytes, &mut written);
        let short = bytes.len() < SHORT;
        let seen = outcome.as_ref().err().map(in_the_way);
        self.take_back(bytes, written, outcome.err());
        seen.map_or(Ok(Progress::Some { short }), Err)
    }

    /// The end of a chunk: what could not be written is put back before anybody can be told why.
    fn take_back(&self, mut chunk: Vec<u8>, written: usize, error: Option<io::Error>) {
        let makes_room = error.is_some() || chunk.len() > self.capacity;
        chunk.drain(..written);
        let mut buffer = self.buffer();
        buffer.under_way = 0;
        match error {
            None => buffer.spare = chunk,
            Some(error) => {
                chunk.append(&mut buffer.bytes);
                buffer.bytes = chunk;
                buffer.error.get_or_insert(error);
            }
        }
        drop(buffer);
        if makes_room {
            self.room.wake_all();
        }
    }

    /// A job ends: whether it may. Not while there is something to write.
    fn end_job(&self) -> bool {
        let mut buffer = self.buffer();
        if !buffer.bytes.is_empty() && buffer.error.is_none() {
            return false;
        }
        buffer.has_job = false;
        let surplus = [&buffer.bytes, &buffer.spare].map(|bytes| bytes.is_empty() && bytes.capacity() > KEPT);
        let bytes = surplus[0].then(|| std::mem::take(&mut buffer.bytes));
        let spare = surplus[1].then(|| std::mem::take(&mut buffer.spare));
        // Given back to the system outside the lock.
        drop(buffer);
        drop((bytes, spare));
        true
    }
}

/// After a write: asks for the cache lines of one to come. Who wrote the last chunk out has them still, and a write that comes to one waits for it with the
/// lock in its hands: short ones took 80 to 100 ns where processors are slow to exchange lines, in place of 40.
fn ask_for_the_next(bytes: &[u8], taken: usize) {
    let begin = bytes.as_ptr_range().end.wrapping_add(AHEAD);
    for line in (0..taken.min(AHEAD)).step_by(64) {
        prefetch_to_write(begin.wrapping_add(line));
    }
}

/// What is written behind, for those jobs that must come after it and know of their value only that it once was written to.
pub(super) struct Writer<T> {
    pub(super) behind: Arc<Behind>,
    write_out: fn(&Behind, &mut T) -> io::Result<()>,
    flush: fn(&mut T) -> io::Result<()>,
}

impl<T> Clone for Writer<T> {
    fn clone(&self) -> Self {
        Self { behind: self.behind.clone(), ..*self }
    }
}

impl<T: Write> Writer<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { behind: Behind::new(capacity), write_out: Behind::write_out, flush: T::flush }
    }
}

impl<T> Writer<T> {
    /// Writes all that is accepted.
    ///
    /// # Errors
    ///
    /// If that failed, or had before. The error itself waits for the next write, flush or close; this one only says so.
    pub(super) fn write_out(&self, inner: &mut T) -> io::Result<()> {
        (self.write_out)(&self.behind, inner)
    }

    /// The same, when nobody is left to be told of an error.
    pub(super) fn flush_at_last(&self, inner: &mut T) {
        drop(self.behind.take_error());
        self.flush(inner);
    }

    /// Writes all that is accepted, and flushes. False if that was not to be: an error waits for the next write, flush or close, or
    /// somebody has been told meanwhile.
    pub(super) fn flush(&self, inner: &mut T) -> bool {
        if self.write_out(inner).is_err() {
            return false;
        }
        loop {
            match (self.flush)(inner) {
                Ok(()) => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.behind.keep_error(error);
                    return false;
                }
            }
        }
    }
}

enum Progress {
    /// There was nothing to write.
    Nothing,
    Some {
        short: bool,
    },
}

/// Writes as much as can be, and says how much that was. Where a writer was when it panicked, nobody knows: some of it may be written
/// twice then.
fn write_all<T: Write>(inner: &mut T, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        let rest = &bytes[*written..];
        match catch_unwind(AssertUnwindSafe(|| inner.write(rest))) {
            Ok(Ok(0)) => return Err(ErrorKind::WriteZero.into()),
            Ok(Ok(more)) => *written += more.min(rest.len()),
            Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            Ok(Err(error)) => return Err(error),
            Err(payload) => {
                drop_payload(payload);
                return Err(io::Error::other("the writer panicked"));
            }
        }
    }
    Ok(())
}

/// What there is to say of an error to those who are not to be told.
fn in_the_way(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("what was written before failed: {error}"))
}

/// The promise that a job will look. Dropped with the job unrun, it tells the writer that none will.
struct Writing(Option<Arc<Behind>>);

impl Writing {
    fn queue<T: Write + Send + 'static>(self, lane: &Lane<T>) {
        let again = lane.clone();
        // Also if the group was closed: a turn that goes on now runs it. Else it is dropped.
        lane.offload_regardless(move |inner| self.run(inner, &again)).detach();
    }

    fn run<T: Write + Send + 'static>(mut self, inner: &mut T, lane: &Lane<T>) {
        let Some(behind) = &self.0 else { return };
        let mut is_flood = false;
        for _ in 0..MOST_CHUNKS {
            match behind.write_chunk(inner) {
                Ok(Progress::Some { short }) => {
                    // Not before others who wait for this lane.
                    if short && is_flood && lane.queued() == 0 {
                        pause(HOLD_OFF);
                    }
                    is_flood = true;
                }
                Ok(Progress::Nothing) | Err(_) => {
                    if behind.end_job() {
                        self.0 = None;
                        return;
                    }
                }
            }
        }
        self.queue(lane);
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some(behind) = &self.0 else { return };
        let mut buffer = behind.buffer();
        buffer.has_job = false;
        if !buffer.bytes.is_empty() && buffer.error.is_none() {
            buffer.error = Some(io::Error::other("the group that was to write was shut down"));
        }
        drop(buffer);
        behind.room.wake_all();
    }
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;

    /// What comes between its last look and its end is its to write, unless an error waits.
    #[test]
    fn a_job_does_not_end_over_bytes() {
        let behind = Behind::new(10);
        behind.buffer().bytes.push(7);
        assert!(behind.buffer().wants_job());
        assert!(!behind.end_job());
        assert!(!behind.buffer().wants_job(), "it goes on");
        behind.keep_error(ErrorKind::StorageFull.into());
        assert!(behind.end_job());
        assert!(behind.take_error().is_some());
        assert!(behind.buffer().wants_job());
    }
}
