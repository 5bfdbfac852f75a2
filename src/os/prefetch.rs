//! Cache lines that are asked for before they are needed.

/// Asks for the cache line that this place is in, to write to it. A hint: touches nothing, so the place need not be valid, and does nothing on
/// other processors than x86-64.
#[inline(always)]
pub(crate) fn prefetch_to_write<T>(place: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint that touches no memory and cannot fault. 64-bit processors without it take it for a no-op.
    unsafe {
        std::arch::asm!("prefetchw [{0}]", in(reg) place, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = place;
}
