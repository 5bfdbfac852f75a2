//! The word that says where a job is and who holds its cell. See `README.md`, "The state word".

use crate::sync::{AtomicUsize, Ordering};

/// Mask of the lifecycle, which is one of the three values below.
const LIFECYCLE: usize = 0b11;
/// The closure is in the body; whoever leaves this value by compare-exchange may touch the body.
const QUEUED: usize = 0;
/// Somebody won the body and runs the closure.
const RUNNING: usize = 1;
/// Nothing more will happen to the job.
const DONE: usize = 2;
/// The body holds an output. Set in the same step as `DONE`, never later, and never cleared.
const OUTPUT: usize = 1 << 2;
/// The waker slot is published. Set and cleared by the handle alone, and not cleared once `DONE`.
const WAKER: usize = 1 << 3;
/// The queue, or the thread that runs the job, holds the cell.
const TASK: usize = 1 << 4;
/// A handle holds the cell.
const HANDLE: usize = 1 << 5;

/// The waker is a callback: calling it may take any time. Set by the handle before `WAKER`, and not cleared.
const CALLBACK: usize = 1 << 6;

/// Takes no place in a bounded queue. Set before the job is queued, and not cleared.
const PLACELESS: usize = 1 << 8;

/// No cell at all, but the entry of a strand (`strand.rs`). Set from the start, with `QUEUED` and `TASK`, and nothing ever changes.
const STANDING: usize = 1 << 7;

/// A value of the state word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct State(usize);

impl State {
    pub(super) fn is_queued(self) -> bool {
        self.0 & LIFECYCLE == QUEUED
    }

    pub(super) fn is_done(self) -> bool {
        self.0 & LIFECYCLE == DONE
    }

    pub(super) fn is_standing(self) -> bool {
        self.0 & STANDING != 0
    }

    pub(super) fn has_output(self) -> bool {
        self.0 & OUTPUT != 0
    }

    pub(super) fn has_waker(self) -> bool {
        self.0 & WAKER != 0
    }

    pub(super) fn has_callback(self) -> bool {
        self.0 & CALLBACK != 0
    }

    pub(super) fn has_place(self) -> bool {
        self.0 & PLACELESS == 0
    }

    pub(super) fn has_task(self) -> bool {
        self.0 & TASK != 0
    }

    pub(super) fn has_handle(self) -> bool {
        self.0 & HANDLE != 0
    }

    pub(super) fn without_waker(self) -> State {
        State(self.0 & !WAKER)
    }

    pub(super) fn without_handle(self) -> State {
        State(self.0 & !HANDLE)
    }

    pub(super) fn without_task(self) -> State {
        State(self.0 & !TASK)
    }

    fn in_lifecycle(self, lifecycle: usize) -> State {
        State((self.0 & !LIFECYCLE) | lifecycle)
    }

    pub(super) fn done(self, output: bool) -> State {
        let done = self.in_lifecycle(DONE);
        if output { State(done.0 | OUTPUT) } else { done }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 & LIFECYCLE {
            QUEUED => "queued",
            RUNNING => "running",
            _ if self.has_output() => "finished",
            _ => "cancelled",
        })
    }
}

/// The state word in its cell.
pub(super) struct AtomicState(AtomicUsize);

impl AtomicState {
    /// Queued, held by a task, and by a handle if there is to be one.
    pub(super) fn new(has_handle: bool) -> Self {
        Self(AtomicUsize::new(QUEUED | TASK | if has_handle { HANDLE } else { 0 }))
    }

    /// That of a strand's entry.
    pub(super) fn standing() -> Self {
        Self(AtomicUsize::new(QUEUED | TASK | STANDING))
    }

    pub(super) fn load(&self) -> State {
        // Acquire: pairs with the release in every step below, above all the one to `DONE`.
        State(self.0.load(Ordering::Acquire))
    }

    /// One step from `from` to `to`; what is there now if somebody else was faster.
    pub(super) fn step(&self, from: State, to: State) -> Result<(), State> {
        // Release: hands over what this side wrote to the cell. Acquire: takes over what the other side wrote.
        match self.0.compare_exchange_weak(from.0, to.0, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(()),
            Err(now) => Err(State(now)),
        }
    }

    /// Leaves `QUEUED` for `RUNNING`. True for exactly one caller, which then owns the body.
    pub(super) fn claim_to_run(&self) -> bool {
        self.claim(RUNNING)
    }

    /// Leaves `QUEUED` for `DONE`. True for exactly one caller, which then owns the body.
    pub(super) fn claim_to_cancel(&self) -> bool {
        self.claim(DONE)
    }

    fn claim(&self, lifecycle: usize) -> bool {
        let mut now = self.load();
        while now.is_queued() {
            match self.step(now, now.in_lifecycle(lifecycle)) {
                Ok(()) => return true,
                Err(other) => now = other,
            }
        }
        false
    }

    /// Says that the waker will be a callback.
    pub(super) fn set_callback(&self) {
        // Relaxed: says nothing about other memory.
        self.0.fetch_or(CALLBACK, Ordering::Relaxed);
    }

    /// Says that the job, which is not queued yet, takes no place.
    pub(super) fn set_placeless(&self) {
        // Relaxed: says nothing about other memory.
        self.0.fetch_or(PLACELESS, Ordering::Relaxed);
    }

    /// Publishes the waker slot; the state before.
    pub(super) fn set_waker(&self) -> State {
        // Release: publishes the slot to the completer. Acquire: if it is done already, takes over the output.
        State(self.0.fetch_or(WAKER, Ordering::AcqRel))
    }

    /// Lets go for the task; the state before.
    pub(super) fn clear_task(&self) -> State {
        // AcqRel: whoever comes last frees the cell and must see all that the other did to it.
        State(self.0.fetch_and(!TASK, Ordering::AcqRel))
    }

    /// Lets go for the handle; the state before.
    pub(super) fn clear_handle(&self) -> State {
        // AcqRel: as in `clear_task`.
        State(self.0.fetch_and(!HANDLE, Ordering::AcqRel))
    }
}
