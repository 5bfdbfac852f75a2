//! A byte ring for one producer and one consumer: records in, runs of records out, uncopied. Layout and protocol are in `README.md`
//! beside this file. This folder may use unsafe code; what it exports is safe.
#![allow(unsafe_code)]

mod consumer;
mod copy;
mod memory;
#[cfg(all(test, aside_loom))]
mod model;
mod producer;
mod slab;
#[cfg(all(test, not(aside_loom)))]
mod tests;

pub(crate) use consumer::Consumer;
pub(crate) use producer::{Full, Producer};
pub(crate) use slab::Slab;

use memory::{Memory, Shape};
use std::sync::Arc;

/// An empty ring for so many bytes of payload (rounded up to a power of two), as its two ends. The memory goes with the last of them. `None` if there is none.
pub(crate) fn new(capacity: usize) -> Option<(Producer, Consumer)> {
    Memory::new(Shape::of(capacity)).map(ends)
}

fn ends(memory: Memory) -> (Producer, Consumer) {
    let memory = Arc::new(memory);
    (Producer::new(memory.clone()), Consumer::new(memory))
}

/// How many bytes of payload such a ring has room for.
pub(crate) fn capacity(wanted: usize) -> usize {
    Shape::of(wanted).capacity as usize
}

/// How many bytes such a ring takes, all in all.
pub(crate) fn footprint(capacity: usize) -> usize {
    Shape::of(capacity).bytes()
}
