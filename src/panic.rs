//! Containment: foreign code (jobs, wakers, callbacks, hooks, destructors) may panic; the threads of this crate
//! carry on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// Runs foreign code and keeps its panic from going further. The panic hook has reported it by then.
///
/// Returns whether the code returned normally.
pub(crate) fn contain(foreign: impl FnOnce()) -> bool {
    output_of(foreign).is_some()
}

/// The same; with what the code returned.
pub(crate) fn output_of<T>(foreign: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(foreign)).map_err(drop_payload).ok()
}

/// Drops a panic's payload, whose own destructor may panic too. If what that panics with
/// panics in its turn, the third payload is leaked.
pub(crate) fn drop_payload(payload: Payload) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        if let Err(third) = catch_unwind(AssertUnwindSafe(move || drop(second))) {
            std::mem::forget(third);
        }
    }
}
