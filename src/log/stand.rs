//! A writer without a drain, for tests and models: they make the passes themselves.

use super::builder::{Config, Order, Overflow};
use super::drain::Backend;
use super::front::Front;
use super::shared::Shared;
use super::sink::{Reaction, Sink};
use crate::group::Group;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Keeps what is written. Looked at when all threads are done.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    fails: bool,
}

impl io::Write for Shelf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap();
        if kept.fails {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        kept.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// With the smallest rings there are.
pub(super) struct Stand {
    pub(super) shared: Arc<Shared>,
    shelf: Shelf,
}

impl Stand {
    pub(super) fn new(order: Order, overflow: Overflow) -> Self {
        let config = Config {
            capacity: 8,
            budget: usize::MAX,
            overflow,
            order,
            on_error: Arc::new(Reaction::default_for),
            report_drops: false,
            on_drop: None,
            patience: Duration::ZERO,
            close_at_exit: false,
            appends: false,
        };
        let group = Group::builder().min_threads(0).max_threads(1).linger(Duration::ZERO).build_lazily();
        let shelf = Shelf::default();
        let shared = Shared::new(config, Sink::Any(Box::new(shelf.clone())), group).unwrap();
        Self { shared, shelf }
    }

    pub(super) fn front(&self) -> Front {
        self.shared.take_front().unwrap()
    }

    /// Whether it brought anything.
    pub(super) fn pass(&self) -> bool {
        let pass = |backend: &mut Backend| {
            let brought = backend.pass(&self.shared);
            #[cfg(aside_loom)]
            assert!(backend.sides_are_empty());
            brought.0 > 0
        };
        self.shared.with_backend(pass).unwrap()
    }

    /// From now on the sink fails, for good.
    #[cfg(not(aside_loom))]
    pub(super) fn fail(&self) {
        self.shelf.0.lock().unwrap().fails = true;
    }

    /// What was written so far.
    pub(super) fn written(&self) -> Vec<u8> {
        self.shelf.0.lock().unwrap().bytes.clone()
    }

    /// All that was logged, in the order in which it was written.
    pub(super) fn finish(self) -> Vec<u8> {
        while self.pass() {}
        self.written()
    }
}
