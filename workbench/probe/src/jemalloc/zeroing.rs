//! `calloc_madvise_threshold`, which no `opt.*` shows, read off what jemalloc does.

use std::ffi::{c_uint, c_void};

use tikv_jemalloc_sys as ffi;

use super::control::{ControlError, read, write};

/// Smallest size that the option acts on (`SC_LARGE_MINCLASS` with pages of 4 KiB): smaller blocks come from slabs.
const SMALLEST: usize = 16 << 10;

/// Blocks below the threshold are written by jemalloc from end to end: beyond this size only a lower bound is tried.
const LARGEST: usize = 64 << 20;

/// The size from which a zeroed block is made by giving its pages back (`MADV_DONTNEED`), as far as `expected` shows:
/// `expected` where a block of that size is made so and one a page smaller is written. `None` where something else was
/// seen. Beyond 64 MiB, blocks of 64 MiB must be written and blocks of `expected` bytes given back.
///
/// An arena of its own keeps one freed block; whether the next, zeroed one is resident before anybody touched it tells
/// which way it was zeroed.
///
/// # Errors
/// jemalloc refused the arena.
pub fn zeroing_threshold(expected: usize) -> Result<Option<usize>, ControlError> {
    let arena = read::<c_uint>("arenas.create")?;
    // Freed pages must stay, and their decay is per arena.
    write::<isize>(&format!("arena.{arena}.dirty_decay_ms"), -1)?;
    let at_or_above = expected.max(SMALLEST).next_multiple_of(PAGE);
    let below = (at_or_above - PAGE).min(LARGEST);
    let given_back = given_back(arena, at_or_above)?;
    let written = below < SMALLEST || !self::given_back(arena, below)?;
    Ok((given_back && written).then_some(expected))
}

const PAGE: usize = 4096;

/// Whether a zeroed block of `size` bytes that was used before comes without pages.
fn given_back(arena: c_uint, size: usize) -> Result<bool, ControlError> {
    let flags = ffi::MALLOCX_ARENA(arena as usize) | ffi::MALLOCX_TCACHE_NONE;
    let refused = || ControlError { name: format!("a block of {size} bytes"), reason: "refused".to_owned() };
    for _ in 0..8 {
        // SAFETY: the size is not zero; the block is written within its bounds and freed with the flags it came by.
        let used = unsafe {
            let block = ffi::mallocx(size, flags).cast::<u8>();
            if block.is_null() {
                return Err(refused());
            }
            block.write_volatile(1);
            ffi::sdallocx(block.cast(), size, flags);
            block as usize
        };
        // SAFETY: as above; the block is not touched before its residency is read, and freed once.
        let (address, resident) = unsafe {
            let block = ffi::mallocx(size, flags | ffi::MALLOCX_ZERO);
            if block.is_null() {
                return Err(refused());
            }
            let resident = first_page_is_resident(block);
            ffi::sdallocx(block, size, flags);
            (block as usize, resident)
        };
        // A block from elsewhere may be zero because it is fresh: that shows nothing. Blocks of one place begin at
        // any cache line of its first page (`cache_oblivious`).
        if address / PAGE == used / PAGE {
            return Ok(!resident);
        }
    }
    Err(ControlError { name: "calloc_madvise_threshold".to_owned(), reason: "no block was used twice".to_owned() })
}

/// Whether the page of `block` is in memory (mincore(2)).
fn first_page_is_resident(block: *mut c_void) -> bool {
    let page = block.map_addr(|address| address & !(PAGE - 1));
    let mut state = 0_u8;
    // SAFETY: the page is mapped, and the answer has one byte for the one page.
    let code = unsafe { libc::mincore(page, PAGE, &raw mut state) };
    code == 0 && state & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_seen_and_nothing_else() {
        const DEFAULT: usize = 8 << 20;
        assert_eq!(zeroing_threshold(DEFAULT).unwrap(), Some(DEFAULT));
        assert_eq!(zeroing_threshold(4 << 20).unwrap(), None);
        assert_eq!(zeroing_threshold(16 << 20).unwrap(), None);
        assert_eq!(zeroing_threshold(0).unwrap(), None);
    }
}
