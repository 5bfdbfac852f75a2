//! A region that several rings are cut from.

use super::memory::{ALIGN, Memory, Shape};
use super::{Consumer, Producer, ends};
use crate::os::region::{HUGE, Region};
use std::sync::Arc;

/// Space for rings, one behind the other, in one huge page where the system has such. Each ring keeps the region: it goes with the last of them.
pub(crate) struct Slab {
    region: Arc<Region>,
    /// From here on nothing was cut.
    next: usize,
}

impl Slab {
    /// How many bytes a slab has.
    pub(crate) const BYTES: usize = HUGE;

    /// Touches all of it, so that nobody else need: takes some hundred µs. `None` if there is no memory.
    pub(crate) fn new() -> Option<Self> {
        Some(Self { region: Arc::new(Region::huge()?), next: 0 })
    }

    /// An empty ring, as [`new`](super::new) makes; `None` if there is not that much left.
    pub(crate) fn cut(&mut self, capacity: usize) -> Option<(Producer, Consumer)> {
        let shape = Shape::of(capacity);
        let offset = self.next.next_multiple_of(ALIGN);
        let end = offset.checked_add(shape.bytes())?;
        if end > self.region.len() {
            return None;
        }
        self.next = end;
        // SAFETY: up to `end` it lies in the region, which begins with a page; it holds zeroes, as the region did and nothing was cut from here on.
        // No other ring is cut from it: `next` only grows.
        Some(ends(unsafe { Memory::new_at(self.region.clone(), offset, shape) }))
    }

    /// Says whether the region is still there.
    #[cfg(all(test, not(aside_loom)))]
    pub(crate) fn watch(&self) -> std::sync::Weak<Region> {
        Arc::downgrade(&self.region)
    }
}
