//! How a thread is told that there are callbacks for it to run.

#[cfg(unix)]
use crate::os::event::Event;
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::os::signal::ThreadSignal;
use crate::panic::contain;
use crate::sync::{AtomicBool, Ordering};
use std::io;

/// Rung when there is something to dispatch and was nothing before.
pub(super) struct Bell {
    #[cfg(unix)]
    event: Event,
    /// Whether anybody has asked for the descriptor.
    is_watched: AtomicBool,
    call: Call,
}

pub(super) enum Call {
    Nothing,
    Function(Box<dyn Fn() + Send + Sync>),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Signal(ThreadSignal),
}

impl Bell {
    pub(super) fn new(call: Call) -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            event: Event::new()?,
            is_watched: AtomicBool::new(false),
            call,
        })
    }

    /// From any thread.
    pub(super) fn ring(&self) {
        // SeqCst: pairs with that in `descriptor`; see there.
        #[cfg(unix)]
        if self.is_watched.load(Ordering::SeqCst) {
            self.event.set();
        }
        match &self.call {
            Call::Nothing => {}
            Call::Function(function) => {
                contain(function);
            }
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Call::Signal(signal) => signal.send(),
        }
    }

    /// The owner is about to look.
    pub(super) fn quieten(&self) {
        #[cfg(unix)]
        self.event.clear();
    }

    /// The descriptor. True if it has been asked for the first time: then the owner looks whether it should be readable.
    #[cfg(unix)]
    pub(super) fn descriptor(&self) -> (&Event, bool) {
        let first = !self.is_watched.load(Ordering::Relaxed) && !self.is_watched.swap(true, Ordering::SeqCst);
        (&self.event, first)
    }
}
