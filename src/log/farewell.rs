//! What is still done for the log when a thread panics, and when the process ends with the writer open.
//!
//! Neither may block for ever, nor rely on the thread that it happens on: its thread-locals may be destroyed (so not even `std::thread::current` is to be had), a second
//! panic inside the panic hook would abort the process, and it may be inside the drain.

use super::error::FlushError;
use super::front::{is_draining, is_swept_at};
use super::guard::complain;
use super::shared::Shared;
use crate::deadline::Deadline;
use crate::job::Host;
use crate::os::exit::at_exit;
use crate::os::fork::PerProcess;
use crate::panic::contain;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, Once, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

/// As it may have to look after the group's threads, and the backend be free.
const TICK: Duration = Duration::from_millis(5);

/// Rings when a waker is called.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.rings.notify_all();
    }
}

impl Bell {
    fn wait(&self, longest: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.rings.wait_timeout_while(rung, longest, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

/// As [`Shared::wait_for`], on any thread in any state. `None` if the deadline passed first, or this is inside the drain.
fn wait_anywhere<T>(
    shared: &Arc<Shared>,
    deadline: Deadline,
    help: impl Fn(),
    state: impl Fn() -> Option<T>,
) -> Option<T> {
    let bell = Arc::<Bell>::default();
    let waker = Waker::from(bell.clone());
    let mut ticket = None;
    let reached = loop {
        if let Some(state) = state() {
            break Some(state);
        }
        if is_draining(shared.id) {
            break None;
        }
        help();
        shared.waiters.register(&mut ticket, &waker);
        if let Some(state) = state() {
            break Some(state);
        }
        if deadline.has_passed() {
            break None;
        }
        shared.group.core().nudge();
        bell.wait(deadline.remaining().unwrap_or(TICK).min(TICK));
    };
    if let Some(ticket) = ticket {
        shared.waiters.leave(ticket);
    }
    reached
}

/// What stands for the writer in this process, if anything was logged here.
fn of_this_process(shared: &Arc<Shared>) -> Option<&Arc<Shared>> {
    if shared.is_orphaned() { shared.made_in_child() } else { Some(shared) }
}

/// From now on, each panic in this process is followed by a flush, when the present hook has reported it.
pub(super) fn flush_on_panic(shared: &Arc<Shared>, longest: Duration) {
    let shared = Arc::downgrade(shared);
    let before = take_hook();
    set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        before(info);
        if let Some(shared) = shared.upgrade() {
            if let Some(shared) = of_this_process(&shared) {
                flush_in_hook(shared, longest.into());
            }
        }
    }));
}

fn flush_in_hook(shared: &Arc<Shared>, deadline: Deadline) {
    // A sink's panic, reported by this hook.
    if is_draining(shared.id) {
        return;
    }
    let asked = shared.ask_flush();
    if shared.group.core().is_current_thread() {
        // The drain's job may be queued behind what panics here. Not on this thread: the sink might panic, too.
        let (helper, asked) = (shared.clone(), asked.clone());
        let help = move || wait_anywhere(&helper, deadline, || helper.help(), || helper.flush_state(&asked));
        let _ = thread::Builder::new().name("aside-log".into()).spawn(help);
    }
    wait_anywhere(shared, deadline, || (), || shared.flush_state(&asked));
}

/// The writers of this process. A child's is empty: what its parent has is none of its business.
static OPEN: PerProcess<Mutex<Vec<Weak<Shared>>>> = PerProcess::new();

/// From now on the end of the process waits for this writer, while it is open.
pub(super) fn close_at_exit(shared: &Arc<Shared>) {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        at_exit(close_all);
    });
    let open = OPEN.get_or_set(Mutex::default);
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    if is_swept_at(open.len()) {
        open.retain(|shared| shared.strong_count() > 0);
    }
    open.push(Arc::downgrade(shared));
}

extern "C" fn close_all() {
    contain(|| {
        let Some(open) = OPEN.get() else { return };
        let open = std::mem::take(&mut *open.lock().unwrap_or_else(PoisonError::into_inner));
        // Or being closed, by a thread that waits for it and will not come to its end.
        let is_waited_for = |shared: &Arc<Shared>| {
            shared.alarm.look().is_open() || shared.closing.load(Ordering::SeqCst) > 0 && !shared.has_ended()
        };
        let open = open.iter().filter_map(Weak::upgrade).filter(is_waited_for);
        // All at once: none has to wait until another one is done.
        let closing: Vec<_> = open
            .map(|shared| {
                let deadline = Deadline::from(shared.config.patience);
                (shared.close(), deadline, shared)
            })
            .collect();
        for (asked, deadline, shared) in &closing {
            let help = || {
                if shared.group.core().is_current_thread() {
                    shared.help();
                }
            };
            let flushed = wait_anywhere(shared, *deadline, help, || shared.flush_state(asked));
            let flushed = flushed.unwrap_or(Err(FlushError::TimedOut));
            let ended = || shared.has_ended().then_some(());
            if wait_anywhere(shared, *deadline, help, ended).is_none() || flushed.is_err() {
                complain(shared, flushed);
            }
        }
        // Who is the last to hold a writer would drop its sink here.
        std::mem::forget(closing);
    });
}
