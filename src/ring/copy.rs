//! Copies of a usual length, by the processor's registers: a call of `memcpy` takes as long as such a copy does, and so does what must be put aside
//! around it. The way is that of `memcpy` itself: two pieces that overlap, one from either end.

/// Up to this length a record is copied in place.
pub(super) const USUAL: usize = 256;

/// Both of the same length, `USUAL` at the most.
#[inline(always)]
pub(super) fn usual(to: &mut [u8], from: &[u8]) {
    debug_assert!(to.len() == from.len() && to.len() <= USUAL);
    // The lengths that most records have come first.
    match from.len() {
        64..128 => from_both_ends::<64>(to, from),
        128.. => from_both_ends::<128>(to, from),
        32.. => from_both_ends::<32>(to, from),
        16.. => from_both_ends::<16>(to, from),
        8.. => from_both_ends::<8>(to, from),
        4.. => from_both_ends::<4>(to, from),
        2.. => from_both_ends::<2>(to, from),
        _ => from_both_ends::<1>(to, from),
    }
}

/// The length is `PIECE` at the least, and twice as much at the most; or 0, for pieces of 1.
#[inline(always)]
fn from_both_ends<const PIECE: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<PIECE>(), from.first_chunk()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<PIECE>(), from.last_chunk()) {
        *to = *from;
    }
}
