//! The standard streams of the process.

use super::behind::{Behind, Take, Writer};
use super::flush::Flush;
use super::offloaded::Offloaded;
use crate::group::Group;
use crate::job::Host;
use crate::lane::Lane;
use crate::os::fork::PerProcess;
use crate::os::ready::{wait_readable, wait_writable};
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};
use crate::wait_list::{Ticket, WaitList};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// How many bytes may wait to be written.
const WRITE_BUFFER: usize = 256 * 1024;

/// The standard output of the process, as an async writer. Made by [`stdout`].
///
/// All handles share one buffer, and one lane of the [global group](Group::global) that writes it out, so what is written by many tasks
/// stands in the order in which it was accepted. A write of up to 256 KiB is taken as a whole or not yet: a line that is written with one
/// call is not torn, whoever else writes. That holds for `println!` in the midst of it too, but its order is another; and if somebody has set the
/// descriptor non-blocking, `println!` may come between two parts of a line.
///
/// A pipe or terminal that was set non-blocking by somebody else is waited for. A flush is done when all that was
/// accepted by then is with the system. (After one that was dropped half-way, the next of the same handle waits for that one, and need not cover
/// what other handles have written in between.) An error goes to the next write or flush, of whichever handle. Closing flushes, and
/// leaves the descriptor open.
///
/// The end of `main` does not wait for what is still in the buffer: flush first.
pub struct Stdout(Out<io::Stdout>);

/// The standard error of the process, as an async writer. Made by [`stderr`]. Everything said of [`Stdout`] holds for it, with a buffer of its own.
pub struct Stderr(Out<io::Stderr>);

/// A handle to the standard output. See [`Stdout`].
///
/// ```
/// use futures::io::AsyncWriteExt;
///
/// # futures::executor::block_on(async {
/// let mut out = aside::io::stdout();
/// out.write_all(b"a line\n").await?;
/// out.flush().await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub fn stdout() -> Stdout {
    static STDOUT: PerProcess<Shared<io::Stdout>> = PerProcess::new();
    Stdout(Out::new(|| STDOUT.get_or_set(|| Shared::new(io::stdout()))))
}

/// A handle to the standard error. See [`Stderr`].
pub fn stderr() -> Stderr {
    static STDERR: PerProcess<Shared<io::Stderr>> = PerProcess::new();
    Stderr(Out::new(|| STDERR.get_or_set(|| Shared::new(io::stderr()))))
}

/// What a stream must be.
#[cfg(unix)]
trait Stream: Write + std::os::fd::AsFd + Send + 'static {}
#[cfg(unix)]
impl<T: Write + std::os::fd::AsFd + Send + 'static> Stream for T {}
#[cfg(not(unix))]
trait Stream: Write + Send + 'static {}
#[cfg(not(unix))]
impl<T: Write + Send + 'static> Stream for T {}

struct Shared<S: Send + 'static> {
    lane: Lane<Patient<S>>,
    writer: Writer<Patient<S>>,
}

impl<S: Stream> Shared<S> {
    fn new(stream: S) -> Self {
        Self { lane: Group::global().lane(Patient(stream)), writer: Writer::new(WRITE_BUFFER) }
    }
}

/// A stream that leaves nothing in a buffer of its own, and waits where the descriptor will not.
struct Patient<S>(S);

impl<S: Stream> Write for Patient<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait_writable(&self.0),
                written => break written?,
            }
        };
        // A prompt without a line's end must be seen. If that fails, the stream keeps the bytes, and tells with the next call.
        let _ = self.flush();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        loop {
            match self.0.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait_writable(&self.0),
                flushed => return flushed,
            }
        }
    }
}

impl Read for Patient<io::Stdin> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait_readable(&self.0),
                read => return read,
            }
        }
    }
}

/// One handle.
struct Out<S: Send + 'static> {
    shared: &'static Shared<S>,
    /// This process's.
    find: fn() -> &'static Shared<S>,
    ticket: Option<Ticket>,
    flush: Flush,
    /// How often something was written.
    changes: u64,
}

impl<S: Stream> Out<S> {
    fn new(find: fn() -> &'static Shared<S>) -> Self {
        Self { shared: find(), find, ticket: None, flush: Flush::default(), changes: 0 }
    }

    /// In a forked child this is the parent's handle, until it is used.
    fn come_here(&mut self) {
        if self.shared.lane.is_orphaned() {
            *self = Self::new(self.find);
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.come_here();
        self.changes += 1;
        let Shared { lane, writer } = self.shared;
        writer.behind.poll_write(lane, bytes, Take::AllOfIt, &mut self.ticket, cx.waker())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.come_here();
        self.flush.poll(&self.shared.lane, &self.shared.writer, self.changes, cx)
    }
}

impl<S: Send + 'static> Drop for Out<S> {
    fn drop(&mut self) {
        if !self.shared.lane.is_orphaned() {
            let behind: &Behind = &self.shared.writer.behind;
            behind.leave(&mut self.ticket);
        }
    }
}

macro_rules! writer {
    ($name:ident, $make:ident) => {
        impl futures::io::AsyncWrite for $name {
            fn poll_write(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, bytes)
            }

            fn poll_flush(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_flush(cx)
            }

            fn poll_close(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_flush(cx)
            }
        }

        #[cfg(feature = "tokio")]
        impl tokio::io::AsyncWrite for $name {
            fn poll_write(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, bytes)
            }

            fn poll_flush(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                self.0.poll_flush(cx)
            }
        }

        impl Clone for $name {
            fn clone(&self) -> Self {
                $make()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

writer!(Stdout, stdout);
writer!(Stderr, stderr);

/// The standard input of the process, as an async reader. Made by [`stdin`].
///
/// All handles share one buffer and one thread, which reads when somebody asks (and ahead, as long as input comes in full buffers, as from a file), and which no exit of the program waits for. A read
/// whose future is dropped eats no input: what it would have got goes to the next one, of whichever handle. If several tasks read at a time, each byte
/// goes to one of them. What this reads is not there for `std::io::stdin` any more; do not mix them.
/// A descriptor that was set non-blocking by somebody else is waited for.
pub struct Stdin {
    shared: &'static Input,
    ticket: Option<Ticket>,
}

struct Input {
    group: Group,
    reader: Mutex<Offloaded<Patient<io::Stdin>>>,
    readers: Arc<Readers>,
}

/// Those who wait for input. The reader knows but one waker, so that is for all of them.
///
/// It may be called in the midst of a poll, if no thread can be started; but wakers are foreign code, and must not run under the reader's lock.
struct Readers {
    list: WaitList,
    poll: AtomicUsize,
}

/// Nobody has the reader's lock.
const NO_POLL: usize = 0;
/// Somebody has it, and looks at this before he lets go.
const POLL: usize = 1;
/// And is to wake all then.
const POLL_WAKES: usize = 2;

impl Readers {
    fn new() -> Self {
        Self { list: WaitList::new(), poll: AtomicUsize::new(NO_POLL) }
    }

    /// Calls the reader under its lock. Whether all are to be woken, besides.
    fn poll<T, P>(&self, reader: &Mutex<T>, call: impl FnOnce(&mut T) -> P) -> (P, bool) {
        let mut reader = lock(reader);
        // Relaxed: who does not see it wakes all himself.
        self.poll.store(POLL, Ordering::Relaxed);
        let polled = call(&mut reader);
        // AcqRel: pairs with that of `wake`; what was done before it is seen by those who are woken.
        (polled, self.poll.swap(NO_POLL, Ordering::AcqRel) == POLL_WAKES)
    }
}

impl Wake for Readers {
    fn wake(self: Arc<Self>) {
        // AcqRel: pairs with the swap of `poll`.
        let left = self.poll.fetch_update(Ordering::AcqRel, Ordering::Acquire, |poll| {
            (poll != NO_POLL).then_some(POLL_WAKES)
        });
        if left.is_err() {
            self.list.wake_all();
        }
    }
}

/// A handle to the standard input. See [`Stdin`].
///
/// ```no_run
/// use futures::io::{AsyncBufReadExt, BufReader};
///
/// # futures::executor::block_on(async {
/// let mut line = String::new();
/// BufReader::new(aside::io::stdin()).read_line(&mut line).await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Panics
///
/// Never. (If the thread cannot be started, reads wait in the queue until the system relents, as any job does.)
pub fn stdin() -> Stdin {
    static STDIN: PerProcess<Input> = PerProcess::new();
    let shared = STDIN.get_or_set(|| {
        let group = Group::builder().name("aside-stdin").max_threads(1).min_threads(0).build_lazily();
        let reader = Offloaded::builder().group(&group).build(Patient(io::stdin()));
        Input { group, reader: Mutex::new(reader), readers: Arc::new(Readers::new()) }
    });
    Stdin { shared, ticket: None }
}

impl Stdin {
    fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&mut Offloaded<Patient<io::Stdin>>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        if self.shared.group.core().is_orphaned() {
            // In a forked child this is the parent's handle, until it is used.
            *self = stdin();
        }
        let Input { reader, readers, .. } = self.shared;
        readers.list.register(&mut self.ticket, cx.waker());
        let waker = Waker::from(readers.clone());
        let (polled, wakes) = readers.poll(reader, |reader| read(reader, &mut Context::from_waker(&waker)));
        if polled.is_ready() {
            self.leave();
        }
        if wakes || polled.is_ready() {
            // There may be more than this one took.
            readers.list.wake_all();
        }
        polled
    }

    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.readers.list.leave(ticket);
        }
    }
}

impl futures::io::AsyncRead for Stdin {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, |reader, cx| reader.poll_read_into(cx, buffer))
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncRead for Stdin {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(cx, |reader, cx| tokio::io::AsyncRead::poll_read(std::pin::Pin::new(reader), cx, buffer))
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        // In a forked child the list's lock may be held by a thread that is gone.
        if !self.shared.group.core().is_orphaned() {
            self.leave();
        }
    }
}

impl Clone for Stdin {
    fn clone(&self) -> Self {
        stdin()
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}
