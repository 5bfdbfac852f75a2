//! Memory that comes from the system itself, for what is large and stays.
//!
//! Contract: zeroed. What is larger than a few pages is zeroed by the system, page by page, when somebody first comes there (*touches* it), which costs that thread a
//! page fault each; until then it takes no memory. Where this cannot be had the allocator is asked, and may touch it all.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// The size of a huge page, and its alignment.
pub(crate) const HUGE: usize = 2 << 20;
/// Smaller regions come from the allocator, which shares pages among them.
const LARGE: usize = 64 * 1024;
/// No page is smaller.
const PAGE: usize = 4096;

/// Owned, and given back when dropped.
pub(crate) struct Region {
    base: NonNull<u8>,
    layout: Layout,
    /// From the system, not from the allocator.
    is_mapped: bool,
}

// SAFETY: the owner of some bytes, which it does not look at.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// So many bytes; `None` if there is no memory, or none was asked for.
    pub(crate) fn new(layout: Layout) -> Option<Self> {
        if layout.size() == 0 {
            return None;
        }
        // A map begins with a page.
        if layout.size() >= LARGE && layout.align() <= PAGE {
            if let Some(base) = imp::map(layout.size()) {
                return Some(Self { base, layout, is_mapped: true });
            }
        }
        // SAFETY: not of size 0.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { base, layout, is_mapped: false })
    }

    /// [`HUGE`] bytes, in one page where the system has such, and touched. Takes some hundred µs. `None` if there is no memory.
    pub(crate) fn huge() -> Option<Self> {
        let layout = Layout::from_size_align(HUGE, PAGE).ok()?;
        let region = match imp::map_huge() {
            Some(base) => Self { base, layout, is_mapped: true },
            None => Self::new(layout)?,
        };
        for offset in (0..HUGE).step_by(PAGE) {
            // SAFETY: within the region, which is nobody's but ours, and holds zeroes.
            unsafe { region.base.add(offset).write_volatile(0) };
        }
        Some(region)
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub(crate) fn len(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.is_mapped {
            imp::unmap(self.base, self.layout.size());
        } else {
            // SAFETY: came from the allocator with this layout.
            unsafe { dealloc(self.base.as_ptr(), self.layout) };
        }
    }
}

/// Has memory that is about to be filled come in huge pages, as far as whole ones lie in it, where the system has such: one page fault in place of 512.
pub(crate) fn prefer_huge_pages<T>(memory: &mut [MaybeUninit<T>]) {
    let len = size_of_val(memory);
    let base = memory.as_mut_ptr().cast::<u8>();
    let before = base.align_offset(HUGE);
    let whole = len.saturating_sub(before) / HUGE * HUGE;
    if whole > 0 {
        imp::advise_huge(base.wrapping_add(before), whole);
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(any(aside_loom, miri))))]
mod imp {
    use super::HUGE;
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
    use std::ptr::{NonNull, null_mut};

    /// `None` if the system refuses.
    pub(super) fn map(size: usize) -> Option<NonNull<u8>> {
        // SAFETY: at a place that the system chooses, where nothing is.
        let base = unsafe {
            mmap_anonymous(null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        };
        NonNull::new(base.ok()?.cast())
    }

    /// `HUGE` bytes at a multiple of it.
    pub(super) fn map_huge() -> Option<NonNull<u8>> {
        // Twice as much has such a multiple in it. What lies around is given back.
        let base = map(2 * HUGE)?;
        let before = base.align_offset(HUGE);
        // SAFETY: both ends, and what is between them, lie in the map: `before` is below `HUGE`.
        let (begin, end) = unsafe { (base.add(before), base.add(before + HUGE)) };
        unmap(base, before);
        unmap(end, HUGE - before);
        advise_huge(begin.as_ptr(), HUGE);
        Some(begin)
    }

    /// Whole pages, which are somebody's.
    pub(super) fn advise_huge(begin: *mut u8, size: usize) {
        // SAFETY: the advice changes nothing but the size of the pages. Refused where the system has no huge ones: then they are small.
        let _ = unsafe { madvise(begin.cast(), size, Advice::LinuxHugepage) };
    }

    /// Of what came from `map`, whole pages that nobody uses any more.
    pub(super) fn unmap(base: NonNull<u8>, size: usize) {
        if size > 0 {
            // SAFETY: as the caller, this file, promises. Fails only if the process has too many maps to split one: then it stays.
            let _ = unsafe { munmap(base.as_ptr().cast(), size) };
        }
    }
}

#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(any(aside_loom, miri)))))]
mod imp {
    use std::ptr::NonNull;

    pub(super) fn map(_: usize) -> Option<NonNull<u8>> {
        None
    }

    pub(super) fn map_huge() -> Option<NonNull<u8>> {
        None
    }

    pub(super) fn advise_huge(_: *mut u8, _: usize) {}

    pub(super) fn unmap(_: NonNull<u8>, _: usize) {}
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::{HUGE, LARGE, Region};
    use std::alloc::Layout;

    #[test]
    fn regions_are_zeroed_and_their_own() {
        for size in [1, LARGE - 1, LARGE, LARGE + 1, 3 * HUGE] {
            let layout = Layout::from_size_align(size, 128).unwrap();
            let regions = [Region::new(layout).unwrap(), Region::new(layout).unwrap()];
            for (n, region) in regions.iter().enumerate() {
                assert_eq!((region.len(), region.base().align_offset(128)), (size, 0));
                // SAFETY: as long as it says, initialised, and this test's alone.
                let bytes = unsafe { std::slice::from_raw_parts_mut(region.base().as_ptr(), size) };
                assert!(bytes.iter().all(|&byte| byte == 0));
                bytes.fill(n as u8 + 1);
            }
        }
        assert!(Region::new(Layout::new::<()>()).is_none());
    }

    #[test]
    fn a_huge_region_is_aligned_and_zeroed() {
        let regions: Vec<Region> = (0..5).map(|_| Region::huge().unwrap()).collect();
        for region in &regions {
            if cfg!(all(target_os = "linux", not(miri))) {
                assert_eq!(region.base().align_offset(HUGE), 0);
            }
            // SAFETY: as long as it says, initialised, and this test's alone.
            let bytes = unsafe { std::slice::from_raw_parts_mut(region.base().as_ptr(), region.len()) };
            assert_eq!(bytes.len(), HUGE);
            assert!(bytes.iter().all(|&byte| byte == 0));
            bytes.fill(1);
        }
    }
}
