//! The callbacks of one thread whose jobs are on their way, by their keys.

use crate::job::Parcel;
use crate::os::prefetch::prefetch_to_write;
use crate::os::region::prefer_huge_pages;

/// How many places the first chunk has. Each has twice as many as the one before. They never move, so that growth copies nothing.
const FIRST: usize = 64;
/// For how many callbacks ahead the places are fetched, ...
const PLACES_AHEAD: usize = 12;
/// ... and the jobs.
const JOBS_AHEAD: usize = 6;

pub(super) struct Table {
    /// Places from key 0 on; those that have never been used are not there yet.
    chunks: Vec<Vec<Option<Parcel>>>,
    /// How many places there are.
    places: u32,
    /// Keys that were used and are not now. The one freed last is used first.
    free: Vec<u32>,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), places: 0, free: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.places as usize - self.free.len()
    }

    /// The key that [`insert`](Self::insert) uses next.
    #[inline]
    pub(super) fn next_key(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.places)
    }

    /// Where the callback with that key is to be put.
    #[inline]
    pub(super) fn insert(&mut self) -> &mut Option<Parcel> {
        let Some(key) = self.free.pop() else { return self.new_place() };
        if let Some(&soon) = self.free.len().checked_sub(PLACES_AHEAD).and_then(|n| self.free.get(n)) {
            prefetch_to_write(self.place(soon));
        }
        self.place_mut(key)
    }

    fn new_place(&mut self) -> &mut Option<Parcel> {
        let key = self.places;
        // Far below the limit: the mailbox needs some numbers besides. It would take 250 GB to get there.
        assert!(key < u32::MAX - 64, "too many callbacks are pending");
        let (chunk, n) = split(key);
        if n == 0 {
            let mut places = Vec::with_capacity(FIRST << chunk);
            prefer_huge_pages(places.spare_capacity_mut());
            self.chunks.push(places);
        }
        self.chunks[chunk].push(None);
        self.places += 1;
        self.place_mut(key)
    }

    /// The callback with this key.
    #[inline]
    pub(super) fn get_mut(&mut self, key: u32) -> Option<&mut Parcel> {
        self.place_mut(key).as_mut()
    }

    /// Moves the callback with this key out.
    #[inline]
    pub(super) fn remove(&mut self, key: u32, to: &mut Option<Parcel>) {
        *to = self.place_mut(key).take();
        self.free.push(key);
    }

    /// Fetches what is about to be needed, where these keys are removed next, from the last one on.
    #[inline]
    pub(super) fn prefetch(&self, keys: &[u32]) {
        if let Some(&key) = keys.len().checked_sub(PLACES_AHEAD).and_then(|n| keys.get(n)) {
            prefetch_to_write(self.place(key));
        }
        if let Some(&key) = keys.len().checked_sub(JOBS_AHEAD).and_then(|n| keys.get(n)) {
            if let Some(callback) = self.place(key) {
                callback.prefetch_job();
            }
        }
    }

    pub(super) fn into_callbacks(self) -> impl Iterator<Item = Parcel> {
        self.chunks.into_iter().flatten().flatten()
    }

    #[inline]
    fn place(&self, key: u32) -> &Option<Parcel> {
        let (chunk, n) = split(key);
        &self.chunks[chunk][n]
    }

    #[inline]
    fn place_mut(&mut self, key: u32) -> &mut Option<Parcel> {
        let (chunk, n) = split(key);
        &mut self.chunks[chunk][n]
    }
}

/// The number of a key's chunk, and its place there.
#[inline]
fn split(key: u32) -> (usize, usize) {
    // The chunks before number `n` have `FIRST * (2^n - 1)` places.
    let shifted = key as usize + FIRST;
    let chunk = (shifted / FIRST).ilog2();
    (chunk as usize, shifted - (FIRST << chunk))
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_place_of_its_own() {
        let mut next = (0, 0);
        for key in 0..10_000 {
            if next.1 == FIRST << next.0 {
                next = (next.0 + 1, 0);
            }
            assert_eq!(split(key), next);
            next.1 += 1;
        }
    }
}
