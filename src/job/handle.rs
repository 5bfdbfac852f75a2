//! The awaiter's side of a job: poll, cancel, run here, let go.

use super::Job;
use super::cell::{Header, prefetch_cell};
use super::error::{JobError, Panic};
use super::host::{Care, Departure, Host, Settlement};
use super::thread_waker::{self, Wait};
use crate::deadline::Deadline;
use crate::panic::contain;
use crate::patience::{AWAITER_SPIN, Patience, Spin, pause};
use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// Before the first look at a job that was queued a moment ago: no job is done sooner, and a look holds its thread up. With it a round trip took
/// 0.54 µs, without 0.85.
const FIRST_LOOK: Duration = Duration::from_nanos(200);

thread_local! {
    /// This thread's experience with that. Without a destructor.
    static PATIENCE: Cell<Patience> = const { Cell::new(Patience::new()) };
    /// The job that this thread made last, unless it was polled since. Never dereferenced.
    static NEWEST: Cell<*const Header> = const { Cell::new(null()) };
}

/// The calling thread has made a job.
pub(super) fn remember_newest(header: NonNull<Header>) {
    NEWEST.set(header.as_ptr());
}

/// How a job ended.
pub(crate) type Outcome<T> = Result<T, JobError>;

/// The one handle of a job whose outcome has not been taken. Dropping it cancels a job that has not started.
pub(crate) struct Handle<T> {
    header: NonNull<Header>,
    /// It gives out a `T`, and holds none by value: so it is `Unpin` whatever `T` is.
    output: PhantomData<fn() -> T>,
}

// SAFETY: the handle gives out a `T` by value on the thread it is on, and may drop the closure, which is `Send`.
unsafe impl<T: Send> Send for Handle<T> {}
// SAFETY: a shared handle can only be asked whether it is finished.
unsafe impl<T: Send> Sync for Handle<T> {}

impl<T> Handle<T> {
    /// # Safety
    ///
    /// `header` is a live cell with output type `T` whose `HANDLE` bit is set, and no other `Handle` for it exists.
    pub(super) unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self { header, output: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: the `HANDLE` bit keeps the cell alive.
        unsafe { self.header.as_ref() }
    }

    pub(crate) fn host(&self) -> &Arc<dyn Host> {
        &self.header().host
    }

    /// The job is not queued yet, and will take no place in a bounded queue.
    pub(super) fn take_no_place(&self) {
        self.header().state.set_placeless();
    }

    pub(super) fn expect_callback(&self) {
        self.header().state.set_callback();
    }

    pub(crate) fn is_finished(&self) -> bool {
        // In a forked child the outcome is known: nobody will run the job.
        self.header().state.load().is_done() || self.host().is_orphaned()
    }

    pub(super) fn state(&self) -> impl std::fmt::Debug {
        self.header().state.load()
    }

    /// The outcome, if the job is done; else leaves `waker` to be called when it is.
    ///
    /// Once it has answered `Ready`, the handle is spent: it no longer holds the cell and must be forgotten, as
    /// [`Pending`] does. It does not panic after that point.
    fn poll_spending(&mut self, waker: &Waker) -> Poll<Outcome<T>> {
        let mut now = self.header().state.load();
        while !now.is_done() && now.has_waker() {
            let same = self.header().waker.with(|slot| {
                // SAFETY: `WAKER` is set: the slot may be read by both sides and is written by none.
                unsafe { (*slot).as_ref() }.is_some_and(|old| old.will_wake(waker))
            });
            if same {
                return Poll::Pending;
            }
            match self.header().state.step(now, now.without_waker()) {
                Ok(()) => now = now.without_waker(),
                Err(other) => now = other,
            }
        }
        if now.is_done() {
            return Poll::Ready(self.take_outcome());
        }
        // A panic of `clone` leaves the slot as it was, unpublished.
        let new = waker.clone();
        let old = self.header().waker.with_mut(|slot| {
            // SAFETY: `WAKER` is clear, and only this handle sets it: the slot is ours.
            unsafe { (*slot).replace(new) }
        });
        let before = self.header().state.set_waker();
        // Foreign code, and the new waker is in place already: a panic of the old one's destructor ends here.
        contain(|| drop(old));
        if before.is_done() { Poll::Ready(self.take_outcome()) } else { Poll::Pending }
    }

    /// Has `waker` called, once, when the job is done, in place of any other, which is given back. False if it is done already; then
    /// nothing is called, and it may be `waker` itself that is given back.
    pub(super) fn leave_waker(&mut self, waker: Waker) -> (bool, Option<Waker>) {
        self.prefetch();
        let mut now = self.header().state.load();
        while now.has_waker() && !now.is_done() {
            match self.header().state.step(now, now.without_waker()) {
                Ok(()) => now = now.without_waker(),
                Err(other) => now = other,
            }
        }
        if now.is_done() {
            return (false, Some(waker));
        }
        let old = self.header().waker.with_mut(|slot| {
            // SAFETY: `WAKER` is clear, and only this handle sets it: the slot is ours.
            unsafe { (*slot).replace(waker) }
        });
        let before = self.header().state.set_waker();
        (!before.is_done(), old)
    }

    /// The waker that was left, if the job is done and its thread has let go: then nobody else looks at it.
    #[inline]
    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        let now = self.header().state.load();
        if !now.is_done() || now.has_task() {
            return None;
        }
        self.header().waker.with_mut(|slot| {
            // SAFETY: the handle is the last owner of the cell.
            unsafe { (*slot).take() }
        })
    }

    /// The job is about to be looked at, or soon.
    #[inline]
    pub(super) fn prefetch(&self) {
        prefetch_cell(self.header.as_ptr().cast());
    }

    /// # Safety
    ///
    /// Until it is cast back, the handle is not asked for its output and is not dropped.
    #[inline]
    pub(super) unsafe fn cast<U>(self) -> Handle<U> {
        Handle { header: ManuallyDrop::new(self).header, output: PhantomData }
    }

    /// Before a waker is left for the first time: waits a moment, if the job may be done by then.
    ///
    /// Spares both sides the waker, and this one a park, where the job is short and a thread was awake for it.
    fn spin(&self) {
        let follows_its_submit = NEWEST.get() == self.header.as_ptr();
        // Before the host is asked, which may be on lines that its thread has written.
        if !follows_its_submit && self.header().state.load().is_done() {
            return;
        }
        // Loom has no clock to end a spin by.
        let Some(weight) = self.host().spin_weight().filter(|_| !cfg!(aside_loom)) else { return };
        let mut patience = PATIENCE.get();
        if follows_its_submit {
            NEWEST.set(null());
            if patience.is_rewarded() {
                pause(FIRST_LOOK);
            }
        }
        let now = self.header().state.load();
        if !now.is_done() && !now.has_waker() {
            patience.spin(Spin { weight, ..AWAITER_SPIN }, || self.is_finished());
            PATIENCE.set(patience);
        }
    }

    /// Takes what a done job left. Lets go of the cell.
    fn take_outcome(&mut self) -> Outcome<T> {
        let outcome = if self.header().state.load().has_output() {
            // SAFETY: `DONE` with `OUTPUT` and a handle: the body is the handle's. The cell is let go of below, so
            // this happens once.
            match unsafe { Header::take_output::<T>(self.header) } {
                Ok(value) => Ok(value),
                Err(payload) => Err(JobError::Panicked(Panic::new(payload))),
            }
        } else {
            Err(JobError::Cancelled)
        };
        // SAFETY: the job is done and its body empty.
        unsafe { let_go(self.header) };
        outcome
    }

    /// Cancels the job if it has not started. True if that is what happened.
    ///
    /// Drops the closure here; a panic of its destructor goes to the caller, and the job is cancelled all the same.
    pub(crate) fn cancel(&mut self) -> bool {
        if !self.claim_to_cancel(Departure::Cancelled) {
            return false;
        }
        // Nobody will complete the job, so the waker in the slot is of no use; it may hold its task.
        let waker = self.header().waker.with_mut(|slot| {
            // SAFETY: only a completer reads the slot besides the handle, and there will be none.
            unsafe { (*slot).take() }
        });
        contain(|| drop(waker));
        // Also if the destructor of the closure panics.
        let _settled = Settle(self.host(), Settlement::Cancelled);
        // SAFETY: claimed, so the body is ours, with the closure in it.
        unsafe { Header::drop_job(self.header) };
        true
    }

    /// Whether the job was cancelled before it started; or, in a forked child, is its parent's.
    pub(super) fn is_cancelled(&self) -> bool {
        let state = self.header().state.load();
        if state.is_done() { !state.has_output() } else { self.host().is_orphaned() }
    }

    fn claim_to_cancel(&mut self, departure: Departure) -> bool {
        // In a forked child the cell may have been caught half-way: it is left alone.
        if self.host().is_orphaned() || !self.header().state.claim_to_cancel() {
            return false;
        }
        self.depart(departure);
        true
    }

    fn depart(&self, departure: Departure) {
        self.host().departed(departure, self.header().state.load().has_place());
    }

    /// Takes the closure back from a job that has not started.
    ///
    /// # Safety
    ///
    /// The job was made from an `F`.
    pub(super) unsafe fn reclaim_unchecked<F: Job<Output = T>>(mut self) -> Result<F, Self> {
        if !self.claim_to_cancel(Departure::Refused) {
            return Err(self);
        }
        // SAFETY: claimed, so the body is ours, with the closure in it; its type is the caller's word.
        let job = unsafe { Header::take_job::<F, T>(self.header) };
        self.host().settled(Settlement::Refused);
        Ok(job)
    }

    /// Runs the job on this thread if it has not started and this is an offload thread of its own group. Spends
    /// the handle as [`poll_spending`](Self::poll_spending) does.
    fn run_here_spending(&mut self) -> Option<Outcome<T>> {
        let host = self.host();
        // In a child forked inside a job, this thread still is the group's, but the job is the parent's.
        if !host.is_current_thread() || host.is_orphaned() || !self.header().state.claim_to_run() {
            return None;
        }
        self.depart(Departure::Taken);
        // SAFETY: claimed, so the body is ours, with the closure in it.
        let panicked = unsafe { Header::run(self.header) };
        self.host().settled(Settlement::Ran { panicked });
        let mut now = self.header().state.load();
        // Nobody waits for this step (the handle is here); it makes the state true for whoever frees the cell.
        while let Err(other) = self.header().state.step(now, now.done(true)) {
            now = other;
        }
        Some(self.take_outcome())
    }

    /// Lets the job run, whatever becomes of it.
    pub(crate) fn detach(self) {
        ManuallyDrop::new(self).leave();
    }

    /// The handle's end. Does not cancel.
    fn leave(&mut self) {
        let header = self.header;
        let mut now = self.header().state.load();
        loop {
            if now.is_done() {
                // Lets go even if the destructor of the output panics, on this thread, to whom the output belongs.
                let _let_go = LetGo(header);
                if now.has_output() {
                    // SAFETY: `DONE` with `OUTPUT` and a handle: the body is the handle's.
                    unsafe { Header::drop_output(header) };
                }
                return;
            }
            if self.host().is_orphaned() {
                return;
            }
            if now.has_waker() {
                // Takes the waker back, so that nobody is woken for what nobody wants.
                match self.header().state.step(now, now.without_waker()) {
                    Ok(()) => now = now.without_waker(),
                    Err(other) => {
                        now = other;
                        continue;
                    }
                }
            }
            let waker = self.header().waker.with_mut(|slot| {
                // SAFETY: `WAKER` is clear, so the slot is the handle's.
                unsafe { (*slot).take() }
            });
            match self.header().state.step(now, now.without_handle()) {
                // Neither done nor ours any more: from here on the cell is the task's.
                Ok(()) => {
                    contain(|| drop(waker));
                    return;
                }
                // The next round finds the slot empty.
                Err(other) => now = other,
            }
            contain(|| drop(waker));
        }
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        let leave = LeaveOnDrop(self);
        leave.0.cancel();
    }
}

/// Tells the host in the end.
struct Settle<'a>(&'a Arc<dyn Host>, Settlement);

impl Drop for Settle<'_> {
    fn drop(&mut self) {
        self.0.settled(self.1);
    }
}

/// Ends the handle when the closure's destructor panics, too.
struct LeaveOnDrop<'a, T>(&'a mut Handle<T>);

impl<T> Drop for LeaveOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

struct LetGo(NonNull<Header>);

impl Drop for LetGo {
    fn drop(&mut self) {
        // SAFETY: made by `leave` for a done job; by the time of this drop the output is gone.
        unsafe { let_go(self.0) };
    }
}

/// The handle's end where the task owns the rest.
///
/// # Safety
///
/// The caller is the handle, which ends here; the job is done and its body empty.
unsafe fn let_go(header: NonNull<Header>) {
    // SAFETY: the `HANDLE` bit keeps the cell alive up to here.
    let state = unsafe { &header.as_ref().state };
    if !state.load().has_task() || !state.clear_handle().has_task() {
        // SAFETY: the task let go before: this is the last owner.
        contain(|| unsafe { Header::free(header) });
    }
}

/// A handle that ends when it has given its outcome. The base of every future over a job.
pub(crate) struct Pending<T>(Option<Handle<T>>);

impl<T> Pending<T> {
    pub(crate) fn new(handle: Handle<T>) -> Self {
        Self(Some(handle))
    }

    pub(crate) fn handle(&self) -> Option<&Handle<T>> {
        self.0.as_ref()
    }

    pub(crate) fn handle_mut(&mut self) -> Option<&mut Handle<T>> {
        self.0.as_mut()
    }

    pub(crate) fn into_handle(self) -> Option<Handle<T>> {
        self.0
    }

    fn spent(&mut self) {
        std::mem::forget(self.0.take());
    }

    /// Before a poll by somebody who has nothing better to do than to wait: waits a moment, if the job may be done by then.
    fn spin(&self) {
        if let Some(handle) = &self.0 {
            handle.spin();
        }
    }

    /// The outcome, if the job has ended; else leaves the waker to be called when it does.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<Outcome<T>> {
        let handle = self.0.as_mut().expect("a job's future was polled after it had given its output");
        let mut outcome = handle.poll_spending(waker);
        if outcome.is_pending() && handle.host().is_orphaned() {
            // The threads that would finish it are the parent's. Its memory is left to the parent's image.
            outcome = Poll::Ready(Err(JobError::Cancelled));
        }
        if outcome.is_ready() {
            self.spent();
        }
        outcome
    }

    /// The same, and looks after a group that could not start a thread: if only asking again can help, the waker
    /// is called at once.
    pub(super) fn poll_nudging(&mut self, waker: &Waker) -> Poll<Outcome<T>> {
        self.spin();
        let outcome = self.poll(waker);
        if outcome.is_pending() && self.nudge() == Care::None {
            waker.wake_by_ref();
        }
        outcome
    }

    fn nudge(&self) -> Care {
        self.0.as_ref().map_or(Care::Fine, |handle| handle.host().nudge())
    }

    /// Blocks until the job has ended, or the deadline has passed (`None`).
    pub(crate) fn wait(&mut self, deadline: Deadline) -> Option<Outcome<T>> {
        let handle = self.0.as_mut().expect("a job was waited for after it had given its output");
        // A job run here could take longer than the deadline allows.
        let mut waits = None;
        if deadline == Deadline::NEVER {
            if let Some(outcome) = handle.run_here_spending() {
                self.spent();
                return Some(outcome);
            }
            waits = WaitsInside::begin(handle);
        }
        if deadline.remaining().is_none_or(|left| left > AWAITER_SPIN.longest) {
            self.spin();
        }
        let outcome = thread_waker::block_on(deadline, |waker| match self.poll(waker) {
            Poll::Ready(outcome) => Wait::Over(outcome),
            Poll::Pending => Wait::on(self.nudge()),
        });
        drop(waits);
        outcome
    }
}

/// A thread blocks for a job, and has told the host that wants to know.
struct WaitsInside(Arc<dyn Host>);

impl WaitsInside {
    fn begin<T>(handle: &Handle<T>) -> Option<Self> {
        if handle.is_finished() || !handle.host().wants_waiters() {
            return None;
        }
        let waits = Self(handle.host().clone());
        waits.0.clone().wait_begins(&|| handle.is_finished());
        Some(waits)
    }
}

impl Drop for WaitsInside {
    fn drop(&mut self) {
        self.0.wait_ends();
    }
}
