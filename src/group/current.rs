//! Which group the calling thread works for, if any.

use std::cell::Cell;
use std::ptr::null;

#[cfg(not(aside_loom))]
thread_local! {
    // Without destructors, so that these can be asked at any time in a thread's life.
    static GROUP: Cell<*const ()> = const { Cell::new(null()) };
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static VISITING: Cell<bool> = const { Cell::new(false) };
}

#[cfg(aside_loom)]
loom::thread_local! {
    static GROUP: Cell<*const ()> = Cell::new(null());
    static DEPTH: Cell<usize> = Cell::new(0);
    static VISITING: Cell<bool> = Cell::new(false);
}

/// Makes the calling thread one of `group`'s, for the rest of its life.
pub(super) fn enter<T>(group: *const T) {
    GROUP.with(|current| current.set(group.cast()));
}

/// The calling thread is about to end and works for nobody.
pub(super) fn leave() {
    enter::<()>(null());
}

pub(super) fn is<T>(group: *const T) -> bool {
    GROUP.with(Cell::get) == group.cast()
}

/// Whether the calling thread is really one of `group`'s, and not on a visit.
pub(super) fn is_member<T>(group: *const T) -> bool {
    is(group) && !VISITING.with(Cell::get)
}

/// Makes the calling thread count as one of `group`'s, inside a job, for a while.
pub(super) struct Visit {
    before: (*const (), usize, bool),
}

impl Visit {
    pub(super) fn to<T>(group: *const T) -> Self {
        let before = (GROUP.with(Cell::get), DEPTH.with(Cell::get), VISITING.with(Cell::get));
        let depth = depth(group) + 1;
        VISITING.with(|visiting| visiting.set(!is_member(group)));
        enter(group);
        DEPTH.with(|current| current.set(depth));
        Self { before }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        enter(self.before.0);
        DEPTH.with(|current| current.set(self.before.1));
        VISITING.with(|visiting| visiting.set(self.before.2));
    }
}

/// How many jobs of its group the calling thread is inside of: more than one when jobs wait for jobs.
pub(super) fn depth<T>(group: *const T) -> usize {
    if is(group) { DEPTH.with(Cell::get) } else { 0 }
}

pub(super) fn job_begins() {
    DEPTH.with(|depth| depth.set(depth.get() + 1));
}

pub(super) fn job_ends() {
    DEPTH.with(|depth| depth.set(depth.get() - 1));
}
