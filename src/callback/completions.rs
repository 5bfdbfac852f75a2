//! Callbacks on the thread that asked for them.

#[cfg(unix)]
mod descriptor;

use super::bell::{Bell, Call};
use super::mailbox::{Before, Mailbox, Resting};
use super::table::Table;
use crate::deadline::Deadline;
use crate::job::{Host, JobError, Offload, Parcel, Slots};
use crate::os::fork;
use crate::panic::{Payload, contain, drop_payload};
use crate::patience::{AWAITER_SPIN, Patience};
use crate::sync::{park, park_timeout};
use futures::Stream;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use std::{fmt, io};

/// So many callbacks [`Completions::dispatch`] runs at the most beyond those that are ready when it is called.
const MORE: usize = 1024;

/// Callbacks that one thread runs: the one that made this. They may use what that thread alone has, such as an `Rc`.
///
/// A job's end is announced by a descriptor, a function or a signal; [`dispatch`](Self::dispatch), called from the
/// thread's own event loop, then runs the callbacks of the jobs that are done, in the order in which the jobs ended. No runtime is needed, and
/// nothing is called behind the thread's back.
///
/// Only a small key travels with a job and comes back. The callbacks stay here, so they need not be `Send`; and the job itself is an
/// [`Offload`] like any other, so it keeps its group, its panics and its cancellation.
///
/// # Ways to wait
///
/// | the thread | use |
/// |---|---|
/// | has a loop over descriptors (epoll, mio, polling, calloop) | [`as_fd`](std::os::fd::AsFd): readable when there is something to dispatch; level- and edge-triggered |
/// | has a loop of another kind (a GUI, a game) | [`with_notifier`](Self::with_notifier): a function that wakes the loop |
/// | sits in a blocking system call | [`with_signal`](Self::with_signal): the call returns `EINTR` |
/// | has nothing else to do | [`wait`](Self::wait) |
/// | runs futures | [`next`](Self::next), or the [`Stream`] of numbers of callbacks that were run |
///
/// Use one at a time: whoever waits by `wait` is woken in place of the others, and of several `next` only the one polled last is. If
/// somebody else's dispatch or `wait` runs what `next` waits for, it is woken too: nothing may be pending any more.
///
/// The descriptor is readable once when it is first asked for, and may be now and then, with nothing to dispatch.
///
/// # Dropping
///
/// The callbacks that have not run are dropped, on this thread, and never run. Jobs that have not started are cancelled with them, as by
/// dropping the [`Offload`]; those that run go on, and their outputs are dropped.
///
/// A callback that holds an `Rc<Completions>` and never runs keeps it alive for ever, as any circle of `Rc`s does: give it a `Weak`.
///
/// # Forked children
///
/// In a forked child a parent's `Completions` does nothing: its jobs and its descriptor are the parent's. Make a new one.
///
/// ```
/// use aside::{Completions, offload};
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// let completions = Completions::new()?;
/// let sum = Rc::new(Cell::new(0)); // not `Send`, and no lock
/// for n in 1..=10 {
///     let sum = sum.clone();
///     offload(move || n * n).on_done_in(&completions, move |square| sum.set(sum.get() + square.unwrap()));
/// }
/// while completions.pending() > 0 {
///     completions.wait(None);
/// }
/// assert_eq!(sum.get(), 385);
/// # std::io::Result::Ok(())
/// ```
pub struct Completions {
    inner: Rc<Inner>,
}

struct Inner {
    mailbox: Arc<Mailbox>,
    state: RefCell<State>,
    /// How many dispatches this thread is inside of.
    depth: Cell<usize>,
    /// Whether a task has ever waited in `next`, so that its waker may be there.
    was_polled: Cell<bool>,
    /// The process that the jobs live in.
    generation: usize,
    /// What `wait` has learnt about how soon jobs are done.
    patience: Cell<Patience>,
}

/// Nothing foreign runs while this is borrowed.
struct State {
    callbacks: Table,
    /// One for each key there ever was.
    slots: Slots<Mailbox>,
    /// Keys taken from the mailbox whose callbacks have not run yet, the next one last.
    ready: Vec<u32>,
}

impl Completions {
    /// For the calling thread, announced by a descriptor where there are any (Unix: an eventfd on Linux, elsewhere a pipe).
    ///
    /// # Errors
    ///
    /// That of the system if it has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Self::announced_by(Call::Nothing)
    }

    /// For the calling thread, announced by a function, which is to make that thread call [`dispatch`](Self::dispatch) soon: to post a message to a
    /// GUI's loop, say. It is called when there is something to dispatch and was nothing before, not for every job.
    ///
    /// It is called by the offload threads; by this thread, when a bounded dispatch leaves something behind, or a job was done before it got its
    /// callback; and by one that shuts the job's group down. So it must not wait for a lock that this thread may hold. It should return soon,
    /// and not dispatch itself. A panic of it is caught.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new): the descriptor is there as well.
    ///
    /// ```
    /// use aside::{Completions, offload};
    /// use std::sync::mpsc;
    ///
    /// // The message queue of some GUI.
    /// let (post, messages) = mpsc::channel();
    /// let completions = Completions::with_notifier(move || post.send("dispatch").unwrap())?;
    /// offload(|| 6 * 7).on_done_in(&completions, |outcome| println!("{}", outcome.unwrap()));
    /// assert_eq!(messages.recv(), Ok("dispatch"));
    /// assert_eq!(completions.dispatch(), 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn with_notifier(notify: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        Self::announced_by(Call::Function(Box::new(notify)))
    }

    /// For the calling thread, announced by a signal to it, so that the blocking system call it is in returns `EINTR`. Linux.
    ///
    /// If the signal has no handler, one that does nothing is installed, for good. Somebody else's handler is left alone; it does as
    /// well, unless it has system calls restarted. A good choice is `SIGURG`, which is harmless by default, or a real-time signal.
    ///
    /// A signal that comes just *before* the system call interrupts nothing. Programs that must not miss it block the signal, look at
    /// [`dispatch`](Self::dispatch), and then wait with a call that unblocks it for its time only (`ppoll`, `pselect`,
    /// `epoll_pwait`). `read` has no such form.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if the signal is ignored or has a handler after which system calls go on; `InvalidInput` if there is no such signal, it cannot
    /// be caught, or it means a fault (`SIGSEGV` …); `Unsupported` on other systems. Otherwise as for [`new`](Self::new).
    #[cfg(unix)]
    pub fn with_signal(signal: i32) -> io::Result<Self> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use crate::os::signal::{Taken, ThreadSignal};
            let target = ThreadSignal::new(signal)?.map_err(|taken| {
                let why = match taken {
                    Taken::Ignored => "is ignored",
                    Taken::Handled => "has a handler after which system calls are restarted",
                };
                io::Error::new(io::ErrorKind::AlreadyExists, format!("signal {signal} {why}"))
            })?;
            Self::announced_by(Call::Signal(target))
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            let _ = signal;
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    fn announced_by(call: Call) -> io::Result<Self> {
        fork::watch();
        let mailbox = Mailbox::new(Bell::new(call)?);
        let slots = Slots::new(mailbox.clone());
        let state = State { callbacks: Table::new(), slots, ready: Vec::new() };
        let inner = Inner {
            mailbox,
            state: RefCell::new(state),
            depth: Cell::new(0),
            was_polled: Cell::new(false),
            generation: fork::generation(),
            patience: Cell::new(Patience::new()),
        };
        Ok(Self { inner: Rc::new(inner) })
    }

    /// Has a callback run when its job is done.
    pub(super) fn expect<T: Send + 'static>(
        &self,
        mut offload: Offload<T>,
        f: impl FnOnce(Result<T, JobError>) + 'static,
    ) {
        let inner = &*self.inner;
        if inner.is_orphaned() {
            offload.detach();
            return;
        }
        assert!(
            offload.host().is_some(),
            "a job's future was given a callback after it had given its output"
        );
        let mut state = inner.state.borrow_mut();
        let State { callbacks, slots, .. } = &mut *state;
        let key = callbacks.next_key();
        slots.grow_to(key);
        let (waits, old) = offload.leave_waker(slots.waker(key));
        let old = old.and_then(|old| slots.take_back(key, old));
        let short = offload.host().filter(|host| waits && host.is_short()).cloned();
        Parcel::put(callbacks.insert(), offload, f);
        // If the job is done, nobody else posts the key.
        let before = (!waits).then(|| inner.mailbox.link(slots.get(key)));
        drop(state);
        if old.is_some() || before.is_some() || short.is_some() {
            inner.added(old, before, short);
        }
    }

    /// Runs the callbacks of the jobs that are done, in the order in which they ended, and returns how many it ran. Never
    /// blocks. Goes on with jobs that end meanwhile until it has run 1,024 callbacks, so that a loop gets its turn; what is left after that
    /// is announced again.
    ///
    /// A callback may submit jobs, add callbacks, and dispatch or [`wait`](Self::wait) in its turn, which runs the next ones inside it.
    ///
    /// # Panics
    ///
    /// If a callback panics the rest still run; then the panic resumes here. Of several the first one does.
    pub fn dispatch(&self) -> usize {
        self.inner.clone().run_ready(usize::MAX, None, false)
    }

    /// The same, but no more than `most` callbacks, and none after that time is over; one at the least, unless `most` is 0. What is left stays ready,
    /// and is announced again.
    ///
    /// # Panics
    ///
    /// As for [`dispatch`](Self::dispatch).
    pub fn dispatch_up_to(&self, most: usize, time: Duration) -> usize {
        self.inner.clone().run_ready(most, Instant::now().checked_add(time), false)
    }

    /// Blocks this thread until it has run a callback, or the time is up, and returns how many it ran. To be called where blocking is
    /// allowed: inside a job whose group is at its cap it waits for jobs that wait for it. Spins for a moment before it parks, if jobs
    /// were done within 2 µs lately. Without a pending callback it returns
    /// at once.
    ///
    /// # Panics
    ///
    /// As for [`dispatch`](Self::dispatch).
    pub fn wait(&self, timeout: Option<Duration>) -> usize {
        let deadline = timeout.map_or(Deadline::NEVER, Deadline::from);
        loop {
            let ran = self.dispatch();
            if ran > 0 || self.pending() == 0 || deadline.has_passed() {
                return ran;
            }
            self.inner.park(deadline);
        }
    }

    /// The future of the next dispatch that runs anything: how many callbacks it ran. `None` if no callback is pending.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let completions = aside::Completions::new()?;
    /// aside::offload(|| 6 * 7).on_done_in(&completions, |outcome| println!("{}", outcome.unwrap()));
    /// while let Some(ran) = completions.next().await {
    ///     println!("{ran} callbacks ran");
    /// }
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn next(&self) -> impl Future<Output = Option<usize>> {
        poll_fn(|cx| self.poll_dispatch(cx))
    }

    fn poll_dispatch(&self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        loop {
            let ran = self.inner.clone().run_ready(usize::MAX, None, true);
            if ran > 0 {
                return Poll::Ready(Some(ran));
            }
            if self.pending() == 0 {
                return Poll::Ready(None);
            }
            self.inner.was_polled.set(true);
            // Else a job has ended in between.
            if self.inner.mailbox.wake_by(cx.waker(), self.inner.resting()) {
                return Poll::Pending;
            }
        }
    }

    /// How many callbacks have not run yet. None in a forked child.
    pub fn pending(&self) -> usize {
        if self.inner.is_orphaned() {
            return 0;
        }
        self.inner.state.borrow().callbacks.len()
    }
}

impl Inner {
    fn is_orphaned(&self) -> bool {
        self.generation != fork::generation()
    }

    /// What is foreign code, which may dispatch: the callback is in its place, and nothing is borrowed.
    #[cold]
    fn added(&self, old: Option<Waker>, before: Option<Before>, short: Option<Arc<dyn Host>>) {
        contain(|| drop(old));
        if let Some(before) = before {
            self.mailbox.tell(before);
        }
        if let Some(host) = short {
            // A chance to try again.
            host.nudge();
        }
    }

    /// Runs up to so many callbacks. `by_next`: for a task, which leaves its waker if there are none.
    fn run_ready(&self, most: usize, deadline: Option<Instant>, by_next: bool) -> usize {
        if self.is_orphaned() {
            return 0;
        }
        let mut first_panic: Option<Payload> = None;
        let ran = {
            let mut dispatching = Dispatching::begin(self, by_next);
            let ran = &mut dispatching.ran;
            let mut callback = None;
            while *ran < most && !(*ran > 0 && deadline.is_some_and(|deadline| Instant::now() >= deadline)) {
                let Some(waker) = self.next_callback(*ran, &mut callback) else { break };
                *ran += 1;
                if waker.is_some() {
                    contain(|| drop(waker));
                }
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| Parcel::deliver(&mut callback))) {
                    match first_panic {
                        None => first_panic = Some(payload),
                        Some(_) => drop_payload(payload),
                    }
                }
                // Forked by the callback.
                if self.is_orphaned() {
                    break;
                }
            }
            *ran
        };
        match first_panic {
            Some(payload) => resume_unwind(payload),
            None => ran,
        }
    }

    /// Takes out the next callback whose key was posted. After so many callbacks that others should have their turn, of those already here only.
    ///
    /// Returns a waker that somebody else left in the job, if there is one: foreign code.
    fn next_callback(&self, ran: usize, callback: &mut Option<Parcel>) -> Option<Option<Waker>> {
        let mut state = self.state.borrow_mut();
        let State { callbacks, slots, ready } = &mut *state;
        loop {
            if ready.is_empty() && ran < MORE {
                self.mailbox.take(slots, ready);
            }
            let key = ready.pop()?;
            callbacks.prefetch(ready);
            // It is: a key is posted when its job is done.
            if let Some(finished) = callbacks.get_mut(key).filter(|callback| callback.is_finished()) {
                let waker = finished.take_waker().and_then(|waker| slots.take_back(key, waker));
                callbacks.remove(key, callback);
                return Some(waker);
            }
        }
    }

    /// Until a key comes or the deadline passes.
    fn park(&self, deadline: Deadline) {
        let from = self.resting();
        if !self.mailbox.stay_awake(from) || self.spin() || !self.mailbox.begin_park() {
            return;
        }
        while self.mailbox.is_parked() && !deadline.has_passed() {
            match deadline.remaining() {
                Some(left) => park_timeout(left),
                None => park(),
            }
        }
        self.mailbox.end_park(from);
    }

    /// Waits a moment, if a job may be done by then. True if one is.
    fn spin(&self) -> bool {
        // Loom has no clock to end a spin by.
        let mut patience = self.patience.get();
        let has_come = !cfg!(aside_loom) && patience.spin(AWAITER_SPIN, || self.mailbox.has_keys());
        self.patience.set(patience);
        has_come
    }

    /// What the mailbox does when this thread does nothing: inside a callback the dispatch around it looks again by itself.
    fn resting(&self) -> Resting {
        if self.depth.get() > 0 { Resting::Awake } else { Resting::Away }
    }
}

/// While this thread dispatches nobody needs to tell it of new keys.
struct Dispatching<'a> {
    inner: &'a Inner,
    by_next: bool,
    /// How many callbacks.
    ran: usize,
}

impl<'a> Dispatching<'a> {
    fn begin(inner: &'a Inner, by_next: bool) -> Self {
        if inner.depth.replace(inner.depth.get() + 1) == 0 {
            inner.mailbox.bell().quieten();
        }
        Self { inner, by_next, ran: 0 }
    }
}

impl Drop for Dispatching<'_> {
    fn drop(&mut self) {
        let inner = self.inner;
        inner.depth.set(inner.depth.get() - 1);
        if inner.depth.get() > 0 || inner.is_orphaned() {
            return;
        }
        // A task that waits is left waiting, unless this has changed something for it.
        let waits = inner.was_polled.get() && !self.by_next && self.ran == 0;
        let to = if waits { Resting::Polled } else { Resting::Away };
        // In this order: at rest, what comes from now on is told.
        let nothing_new = inner.mailbox.rest(to);
        let is_left = !nothing_new || !inner.state.borrow().ready.is_empty();
        if is_left {
            contain(|| inner.mailbox.bell().ring());
        }
        if inner.was_polled.get() && (is_left || self.ran > 0) {
            inner.was_polled.set(false);
            inner.mailbox.wake();
        }
    }
}

impl Drop for Completions {
    fn drop(&mut self) {
        let inner = &*self.inner;
        let callbacks = {
            let mut state = inner.state.borrow_mut();
            state.ready.clear();
            std::mem::replace(&mut state.callbacks, Table::new())
        };
        if inner.is_orphaned() {
            // They and their jobs are the parent's.
            std::mem::forget(callbacks);
            return;
        }
        inner.mailbox.close();
        for callback in callbacks.into_callbacks() {
            contain(move || drop(callback));
        }
    }
}

/// Of the numbers of callbacks that were run. Ends when none is pending; polled again later, it goes on.
impl Stream for Completions {
    type Item = usize;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        self.poll_dispatch(cx)
    }
}

/// The same, so that callbacks can be added meanwhile.
impl Stream for &Completions {
    type Item = usize;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        self.poll_dispatch(cx)
    }
}

impl fmt::Debug for Completions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completions").field("pending", &self.pending()).finish_non_exhaustive()
    }
}
