//! The queue's side of a job. A job moves `Task` → `Claimed` → `Finished`; each type is the proof of its state.

use super::cell::{Header, Link};
use super::state::AtomicState;
use super::strand::Entry;
use crate::panic::{contain, output_of};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// A job in the queue, or the entry of a strand whose turn it is. Dropped unclaimed, it cancels the job.
pub(crate) struct Task(NonNull<Header>);

/// A job that its holder alone may run. Dropped unrun, it cancels the job.
pub(crate) struct Claimed(NonNull<Header>);

/// A job that ran. Dropping it publishes the output: the handle resolves and its waker is called.
pub(crate) struct Finished {
    /// `None` for a strand's turn, which leaves nothing behind. Its entry may be queued again already.
    header: Option<NonNull<Header>>,
    panicked: bool,
}

// SAFETY: `job::new` takes only closures that are `Send` with outputs that are, and the header's own parts (state,
// link, waker, host) may be used from any thread in the turns that README.md lays down.
unsafe impl Send for Task {}
// SAFETY: as for `Task`.
unsafe impl Send for Claimed {}

impl Task {
    /// # Safety
    ///
    /// `header` is a live cell whose `TASK` bit is set and for which no other `Task` exists.
    pub(super) unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self(header)
    }

    /// # Safety
    ///
    /// `entry` stays live until it has been [called](Entry::arrive), for which the pointer is good, and no other `Task` for it exists.
    pub(super) unsafe fn from_entry(entry: NonNull<Entry>) -> Self {
        Self(entry.cast())
    }

    /// The place of this job in a list; to be turned back with [`from_link`](Self::from_link).
    pub(super) fn into_link(self) -> NonNull<Link> {
        ManuallyDrop::new(self).0.cast()
    }

    /// # Safety
    ///
    /// `link` comes from [`into_link`](Self::into_link) and is turned back once.
    pub(super) unsafe fn from_link(link: NonNull<Link>) -> Self {
        Self(link.cast())
    }

    /// Whether the job behind a link has left the queue by its handle's hand.
    ///
    /// # Safety
    ///
    /// `link` comes from [`into_link`](Self::into_link) and has not been turned back yet.
    pub(super) unsafe fn is_dead(link: NonNull<Link>) -> bool {
        // SAFETY: a linked cell is live: its `TASK` bit is set. So is a linked entry.
        unsafe { !state(link.cast()).load().is_queued() }
    }

    /// Whether a link is that of a strand's entry which would arrive in vain.
    ///
    /// # Safety
    ///
    /// As for [`is_dead`](Self::is_dead).
    pub(super) unsafe fn is_stale(link: NonNull<Link>) -> bool {
        // SAFETY: as in `is_dead`; a linked entry has not arrived.
        unsafe { state(link.cast()).load().is_standing() && Entry::is_stale(link.cast()) }
    }

    /// Takes the job to run it, or `None` if its entry is dead.
    pub(crate) fn claim(self) -> Option<Claimed> {
        let header = ManuallyDrop::new(self).0;
        // SAFETY: the `TASK` bit keeps the cell alive; `from_entry` was promised it of an entry.
        let state = unsafe { state(header) };
        if state.load().is_standing() || state.claim_to_run() {
            Some(Claimed(header))
        } else {
            let_go(header);
            None
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        drop(Task(self.0).claim());
    }
}

impl Claimed {
    /// Whether it took a place in a bounded queue.
    pub(crate) fn had_place(&self) -> bool {
        // SAFETY: a claimed task is live until it is published, an entry until it is called.
        unsafe { state(self.0) }.load().has_place()
    }

    /// Runs the closure. A panic of it is caught and becomes the output.
    pub(crate) fn run(self) -> Finished {
        let header = ManuallyDrop::new(self).0;
        if let Some(entry) = entry(header) {
            // SAFETY: claimed, so this is the one call for its task.
            contain(|| _ = unsafe { Entry::arrive(entry, true) });
            return Finished { header: None, panicked: false };
        }
        // SAFETY: to be claimed is to own the body, with the closure in it.
        let panicked = unsafe { Header::run(header) };
        Finished { header: Some(header), panicked }
    }

    /// Cancels the job. False for a strand's turn if there was nothing to cancel.
    pub(crate) fn cancel(self) -> bool {
        cancel(ManuallyDrop::new(self).0)
    }
}

/// The word of a cell or an entry.
///
/// # Safety
///
/// The cell or entry is live, and stays it for as long as the answer is used.
unsafe fn state<'a>(header: NonNull<Header>) -> &'a AtomicState {
    // SAFETY: both begin the same way (asserted in `strand.rs`); no reference is made to more than the word. The rest is the caller's word.
    unsafe { &(*header.as_ptr()).state }
}

/// The entry that a claimed task is, if it is one.
fn entry(header: NonNull<Header>) -> Option<NonNull<Entry>> {
    // SAFETY: a claimed task is live until it is published, an entry until it is called.
    unsafe { state(header) }.load().is_standing().then_some(header.cast())
}

impl Drop for Claimed {
    fn drop(&mut self) {
        cancel(self.0);
    }
}

/// Cancels a claimed task; see [`Claimed::cancel`].
fn cancel(header: NonNull<Header>) -> bool {
    if let Some(entry) = entry(header) {
        // SAFETY: claimed, so this is the one call for its task.
        return output_of(|| unsafe { Entry::arrive(entry, false) }).unwrap_or(true);
    }
    // SAFETY: to be claimed is to own the body, with the closure in it.
    contain(|| unsafe { Header::drop_job(header) });
    publish(header, false, || ());
    true
}

impl Finished {
    pub(crate) fn panicked(&self) -> bool {
        self.panicked
    }

    /// Whether to publish the output takes no time, as things stand: there is neither a callback to call, nor an output that
    /// nobody wants and that must be dropped here.
    pub(crate) fn is_quick(&self) -> bool {
        let Some(header) = self.header else { return true };
        // SAFETY: the `TASK` bit, which ends with this value, keeps the cell alive.
        let state = unsafe { header.as_ref() }.state.load();
        !state.has_callback() && (state.has_handle() || self.is_plain())
    }

    /// Whether to drop the output would take no time.
    fn is_plain(&self) -> bool {
        // SAFETY: as in `is_quick`.
        self.header.is_none_or(|header| !self.panicked && unsafe { header.as_ref() }.value_is_plain())
    }

    /// Publishes the output. Calls `before` if it must be dropped here after all, and that may take time, before it is.
    pub(crate) fn publish(self, before: impl FnOnce()) {
        let is_plain = self.is_plain();
        let before_drop = || {
            if !is_plain {
                before();
            }
        };
        if let Some(header) = ManuallyDrop::new(self).header {
            publish(header, true, before_drop);
        }
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        if let Some(header) = self.header {
            publish(header, true, || ());
        }
    }
}

/// `RUNNING` → `DONE`, and the task's end. Calls `before_drop` if nobody wants the output, before it is dropped.
fn publish(header: NonNull<Header>, output: bool, before_drop: impl FnOnce()) {
    // SAFETY: the `TASK` bit, which this function ends with, keeps the cell alive.
    let state = &unsafe { header.as_ref() }.state;
    let mut now = state.load();
    loop {
        if !now.has_handle() {
            before_drop();
            if output {
                // SAFETY: without a handle the body is still this side's.
                contain(|| unsafe { Header::drop_output(header) });
            }
            // SAFETY: no handle, and the task ends here: this is the last owner.
            contain(|| unsafe { Header::free(header) });
            return;
        }
        let done = now.done(output);
        let next = if now.has_waker() { done } else { done.without_task() };
        match state.step(now, next) {
            Ok(()) => break,
            Err(other) => now = other,
        }
    }
    if now.has_waker() {
        contain(|| {
            // SAFETY: the step found `WAKER` set, so the slot is only read from now on, and `TASK` keeps the cell.
            unsafe { header.as_ref() }.waker.with(|slot| {
                // SAFETY: as above.
                if let Some(waker) = unsafe { &*slot } {
                    waker.wake_by_ref();
                }
            });
        });
        let_go(header);
    }
}

/// The task's end where the handle owns the rest.
fn let_go(header: NonNull<Header>) {
    // SAFETY: the `TASK` bit keeps the cell alive up to here.
    let before = unsafe { header.as_ref() }.state.clear_task();
    if !before.has_handle() {
        // SAFETY: the handle let go before: this is the last owner. It left the body empty.
        contain(|| unsafe { Header::free(header) });
    }
}
