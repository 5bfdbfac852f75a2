//! A blocking reader or writer as an async one.

use super::ahead::{Ahead, broken};
use super::behind::{Take, Writer};
use super::builder::OffloadedBuilder;
use super::flush::Flush;
use super::position::Position;
use super::rewind::Rewind;
use super::sides::{Side, Sides};
use super::unwritten::Unwritten;
use crate::job::{JobError, Offload};
use crate::lane::Lane;
use crate::wait_list::Ticket;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::task::{Context, Poll, ready};

/// A blocking reader or writer, or both, as an async one: its calls run on offload threads, in order.
///
/// It implements the traits [`AsyncRead`](futures::io::AsyncRead), [`AsyncBufRead`](futures::io::AsyncBufRead),
/// [`AsyncWrite`](futures::io::AsyncWrite) and [`AsyncSeek`](futures::io::AsyncSeek) of futures-io, as far as `T` has those of `std`; with the
/// feature `tokio` also tokio's.
///
/// ```
/// use aside::io::Offloaded;
/// use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
///
/// # futures::executor::block_on(async {
/// let mut file = Offloaded::new(tempfile::tempfile()?);
/// file.write_all(b"off my thread").await?;
/// file.seek(SeekFrom::Start(4)).await?;
/// let mut text = String::new();
/// file.read_to_string(&mut text).await?;
/// assert_eq!(text, "my thread");
/// file.close().await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Reading
///
/// A first read fetches up to 16 KiB. As long as reads fill their buffers, the next ones are made ahead, into larger ones, up to the
/// [read buffer](OffloadedBuilder::read_buffer). [`AsyncBufRead`](futures::io::AsyncBufRead) gives out what was read without copying it again. A read that was short (a pipe,
/// a terminal, a socket) is not followed by another before the user asks.
///
/// A reader who is faster than a prompt source (a file in memory) does not sleep for each chunk: for up to 50 µs at a time its task is woken at once and looks again. Both
/// processors are busy then. Reads of a group that does not [linger](crate::Builder::linger) never do that.
///
/// # Writing
///
/// A write copies its bytes into the [write buffer](OffloadedBuilder::write_buffer), and an offload thread starts to write them out at once; it is
/// pending only while the buffer is full. `flush` is done when all bytes are written and `T::flush` has returned. `close` flushes, and drops
/// the `T`, before it is done.
///
/// If bytes that were accepted cannot be written, the next write, flush or close says so, once. The bytes are kept, and the call after that
/// tries again. So a full disk that gets room loses nothing, and one that stays full gives an error each time.
///
/// Seeking, reading and [`with`](Self::with) come after all that was written before; reading and then writing a file, the write takes place where the
/// user has read to. Readers and writers without a position of their own (sockets) have two independent sides; but it is one `T` and one
/// job at a time, so a write waits for a read that blocks. For a conversation, make two of them, from `try_clone`.
///
/// # Cancellation
///
/// Dropping the future of a read or a write loses and doubles no byte: what was read is there for the next read, and a write has
/// taken its bytes or has not. A seek that is dropped takes place or does not.
///
/// Dropping the adapter without closing it drops the `T`, on an offload thread, once all that was accepted is written; nobody learns of an
/// error then, so close it. Nothing is written any more if the group was shut down, or the program ends before.
///
/// # Errors
///
/// Those of `T`; except that `Interrupted` is tried again. `WouldBlock`, from a descriptor that was set so, is passed on. A panic
/// of `T`, and a group that takes no more jobs, are errors of the kind `Other` with a [`JobError`] or a message inside. In a child made by `fork` every call fails. (But between two halves
/// stands the lock of whoever has split it: if a thread of the parent held that at the fork, the other half waits for ever in the child.)
pub struct Offloaded<T: Send + 'static> {
    /// `None` once closed.
    lane: Option<Lane<T>>,
    pub(super) ahead: Ahead,
    /// Once something was written.
    pub(super) writer: Option<Writer<T>>,
    write_buffer: usize,
    /// Its place among those who wait for room to write.
    ticket: Option<Ticket>,
    pub(super) position: Position<T>,
    pub(super) sides: Sides,
    flush: Flush,
    /// Goes up with each write, and all else that a flush has to do with.
    pub(super) changes: u64,
    closing: Option<Offload<()>>,
}

impl Offloaded<()> {
    /// Settings. The type of what is adapted follows from what [`build`](OffloadedBuilder::build) is called with.
    pub fn builder() -> OffloadedBuilder {
        OffloadedBuilder::default()
    }
}

impl<T: Send + 'static> Offloaded<T> {
    /// With the defaults of [`OffloadedBuilder`], on the global group. Starts no thread.
    pub fn new(inner: T) -> Self {
        OffloadedBuilder::default().build(inner)
    }

    pub(super) fn with_lane(
        lane: Lane<T>,
        read_buffer: usize,
        write_buffer: usize,
        rewind: Option<Rewind<T>>,
    ) -> Self {
        Self {
            lane: Some(lane),
            ahead: Ahead::new(read_buffer),
            writer: None,
            write_buffer,
            ticket: None,
            position: Position::new(rewind),
            sides: Sides::default(),
            flush: Flush::default(),
            changes: 0,
            closing: None,
        }
    }

    /// Runs a closure on the `T`, on an offload thread, in order with the reads and writes: `set_len`, `sync_all`, `metadata`.
    ///
    /// The position is the one that the user sees, if the `T` has one.
    ///
    /// # Errors
    ///
    /// If bytes that were accepted before could not be written: then the closure does not run, and the error itself comes from the next
    /// write, flush or close. If the adapter is closed, or its group.
    ///
    /// # Panics
    ///
    /// If the closure does.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops the closure, unless it has begun to run.
    ///
    /// ```
    /// use aside::io::Offloaded;
    /// use futures::io::AsyncWriteExt;
    ///
    /// # futures::executor::block_on(async {
    /// let mut file = Offloaded::new(tempfile::tempfile()?);
    /// file.write_all(b"precious").await?;
    /// file.with(|file| file.sync_all()).await??;
    /// assert_eq!(file.with(|file| file.metadata()).await??.len(), 8);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn with<F, R>(&mut self, f: F) -> io::Result<R>
    where
        F: FnOnce(&mut T) -> R + Send + 'static,
        R: Send + 'static,
    {
        poll_fn(|cx| self.poll_where_user_is(cx)).await?;
        self.changes += 1;
        let writer = self.writer.clone();
        self.look_again();
        let job = self.lane()?.offload(move |inner| {
            writer.map_or(Ok(()), |writer| writer.write_out(inner))?;
            Ok(f(inner))
        });
        match job.catch().await {
            Ok(result) => result,
            Err(JobError::Panicked(panic)) => panic.resume(),
            Err(error) => Err(broken(error)),
        }
    }

    /// Gives the `T` back, once all that was accepted is written. (It is not flushed beyond that.)
    ///
    /// What was read ahead is given back to a `T` that has a position, and lost else, as it is with
    /// [`BufReader::into_inner`](std::io::BufReader::into_inner).
    ///
    /// # Errors
    ///
    /// If the bytes that were accepted could not be written, or the position could not be set. The `T` and those bytes are inside.
    ///
    /// ```
    /// use aside::io::Offloaded;
    /// use futures::io::AsyncWriteExt;
    ///
    /// # futures::executor::block_on(async {
    /// let mut list = Offloaded::new(Vec::new());
    /// list.write_all(b"kept").await?;
    /// assert_eq!(list.into_inner().await?, b"kept");
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn into_inner(mut self) -> Result<T, Unwritten<T>> {
        let in_place = self.with(|_| ()).await;
        if self.lane().is_ok() {
            self.ahead.abandon();
        }
        let taken = self.lane.take();
        let inner = match taken {
            Some(lane) => lane.into_inner().await,
            None => None,
        };
        let (told, bytes) = match &self.writer {
            Some(writer) if inner.is_some() => (writer.behind.take_error(), writer.behind.take_bytes()),
            _ => (None, Vec::new()),
        };
        match (in_place, inner) {
            (Ok(()), Some(inner)) => Ok(inner),
            (Ok(()), None) => Err(Unwritten::new(closed(), None, bytes)),
            (Err(error), inner) => Err(Unwritten::new(told.unwrap_or(error), inner, bytes)),
        }
    }

    /// The lane of the `T`, as long as this is open and not a forked child's copy. Each call begins here: of such a copy all locks may be held by
    /// threads that are gone, those of a closed one too.
    pub(super) fn lane(&self) -> io::Result<&Lane<T>> {
        match &self.lane {
            None => Err(closed()),
            Some(lane) if lane.is_orphaned() => {
                Err(io::Error::other("this belongs to the process that this one was forked from"))
            }
            Some(lane) => Ok(lane),
        }
    }

    /// Polls what both sides may be waiting for, so that neither takes the other's wake-up away. Not in a forked child.
    pub(super) fn poll_as<R>(
        &mut self,
        side: Side,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let waker = self.sides.enter(side, cx.waker());
        let polled = poll(self, &mut Context::from_waker(&waker));
        if polled.is_ready() {
            self.sides.leave(side);
            if side == Side::Write {
                self.ahead.go_on();
            }
        }
        polled
    }
}

impl<T: Read + Send + 'static> Offloaded<T> {
    /// The bytes that were read and not consumed, after one read at the most; none at the end.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.lane()?;
        if self.is_moving() || self.ahead.bytes().is_empty() {
            ready!(self.poll_as(Side::Read, cx, Self::poll_filled))?;
        }
        Poll::Ready(Ok(self.ahead.bytes()))
    }

    fn poll_filled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_settled(cx));
        match &self.lane {
            Some(lane) if self.ahead.bytes().is_empty() => {
                self.ahead.poll_fill(lane, self.writer.as_ref(), cx)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    pub(super) fn consume_bytes(&mut self, bytes: usize) {
        self.ahead.consume(bytes);
    }

    pub(super) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let bytes = ready!(self.poll_fill(cx))?;
        let read = bytes.len().min(buffer.len());
        buffer[..read].copy_from_slice(&bytes[..read]);
        self.ahead.consume(read);
        Poll::Ready(Ok(read))
    }
}

impl<T: Write + Send + 'static> Offloaded<T> {
    pub(super) fn poll_write_from(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        take: Take,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_where_user_is(cx))?;
        let Some(lane) = &self.lane else { return Poll::Ready(Err(closed())) };
        let writer = self.writer.get_or_insert_with(|| Writer::new(self.write_buffer));
        self.changes += 1;
        writer.behind.poll_write(lane, bytes, take, &mut self.ticket, cx.waker())
    }

    pub(super) fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lane()?;
        ready!(self.poll_as(Side::Write, cx, Self::poll_settled));
        let Some(lane) = &self.lane else { return Poll::Ready(Err(closed())) };
        let writer = self.writer.get_or_insert_with(|| Writer::new(self.write_buffer));
        self.flush.poll(lane, writer, self.changes, cx)
    }

    pub(super) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            if self.lane.is_none() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_flushed(cx))?;
            self.ahead.abandon();
            self.sides.wake(Side::Read);
            self.closing = self.lane.take().map(|lane| lane.end());
        }
        if let Some(closing) = &mut self.closing {
            // If the group was shut down, the value was dropped with the lane.
            let ended = ready!(closing.poll_outcome(cx));
            self.closing = None;
            if let Err(error @ JobError::Panicked(_)) = ended {
                return Poll::Ready(Err(broken(error)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::NotConnected, "this reader or writer was closed")
}

// Nothing in it is pinned.
impl<T: Send + 'static> Unpin for Offloaded<T> {}

impl<T: Send + 'static> Drop for Offloaded<T> {
    fn drop(&mut self) {
        if let Some(closing) = self.closing.take() {
            closing.detach();
        }
        // In a forked child the locks may be held by threads that are gone.
        let Some(lane) = self.lane.as_ref().filter(|lane| !lane.is_orphaned()) else { return };
        self.ahead.abandon();
        let Some(writer) = &self.writer else { return };
        writer.behind.leave(&mut self.ticket);
        if !writer.behind.is_clean() {
            let writer = writer.clone();
            lane.offload_regardless(move |inner| writer.flush_at_last(inner)).detach();
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Offloaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offloaded")
            .field("is_open", &self.lane.is_some())
            .field("unread", &self.ahead.bytes().len())
            .finish_non_exhaustive()
    }
}
