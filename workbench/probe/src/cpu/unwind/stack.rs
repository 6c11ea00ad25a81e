//! Copies of the upper end of a stack, taken in ways that cannot fault.

use std::ffi::c_void;

/// Frame pointers that are followed beyond a copy.
pub const MOST_FRAME_POINTERS: usize = 128;

/// Page of the smallest size: what is readable is readable in such units.
const PAGE: u64 = 4096;

/// Pages of one system call: few, because its list of them lies on a signal stack.
const PIECES: usize = 9;

/// One link of the chain of frame pointers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FramePointer {
    /// Where the link lies: saved frame pointer at this address, return address behind it.
    pub at: u64,
    /// Address that the function returns to.
    pub return_address: u64,
}

/// What was copied of a stack.
#[derive(Debug, Clone, Copy)]
pub struct StackCopy<'a> {
    /// Address of the first byte: the stack pointer.
    pub start: u64,
    /// From there towards the root.
    pub bytes: &'a [u8],
    /// Links beyond the copy, see [`walk_frame_pointers`]; empty where the copy reaches the root or nobody asked.
    pub beyond: &'a [FramePointer],
}

impl StackCopy<'_> {
    /// First address behind the copy.
    pub(super) fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes.len() as u64)
    }

    /// The word at an address, where it was copied.
    pub(super) fn word(&self, address: u64) -> Option<u64> {
        let at = usize::try_from(address.checked_sub(self.start)?).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(8)?)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }
}

/// Copies from `start` upwards, as much as fits and is readable; says how many bytes that was. Async-signal-safe: a
/// system call for each [`PIECES`] pages; `errno` is the caller's to keep.
///
/// The kernel copies (`process_vm_readv(2)` of this very process), so that an address that is not mapped, or is just
/// being unmapped by another thread, ends the copy instead of the process.
pub fn copy_stack(start: u64, to: &mut [u8]) -> usize {
    let mut copied = 0;
    while copied < to.len() {
        let Some(at) = start.checked_add(copied as u64) else { break };
        let left = &mut to[copied..];
        #[allow(clippy::cast_possible_truncation, reason = "below the size of a few pages")]
        let most = ((PAGE - at % PAGE) + PAGE * (PIECES as u64 - 1)) as usize;
        let wanted = left.len().min(most);
        let got = copy_pages(at, &mut left[..wanted]);
        copied += got;
        if got < wanted {
            break;
        }
    }
    copied
}

/// One call of at most [`PIECES`] pages. Partial copies end between pieces, hence a piece for each page.
fn copy_pages(start: u64, to: &mut [u8]) -> usize {
    let mut remote = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; PIECES];
    let (mut at, mut left, mut pieces) = (start, to.len() as u64, 0);
    while left > 0 && pieces < PIECES {
        let length = (PAGE - at % PAGE).min(left);
        #[allow(clippy::cast_possible_truncation, reason = "at most a page")]
        let piece = libc::iovec { iov_base: at as *mut c_void, iov_len: length as usize };
        remote[pieces] = piece;
        pieces += 1;
        left -= length;
        let Some(next) = at.checked_add(length) else { break };
        at = next;
    }
    let local = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: to.len() };
    // SAFETY: writes within `to`; what the remote side names is checked by the kernel.
    let copied = unsafe {
        libc::process_vm_readv(libc::getpid(), &raw const local, 1, remote.as_ptr(), pieces as libc::c_ulong, 0)
    };
    usize::try_from(copied).unwrap_or(0)
}

/// Whether the kernel lets this process copy from itself; seccomp filters may not.
pub fn can_copy() -> bool {
    let word = 0x5eed_u64;
    let mut copy = [0; 8];
    copy_stack(&raw const word as u64, &mut copy) == 8 && u64::from_ne_bytes(copy) == word
}

/// Follows frame pointers within `copy` from `fp`, and from where they leave it on by reading each link; keeps those
/// links that lie beyond. Says how many. Async-signal-safe like [`copy_stack`], one system call a link.
pub fn walk_frame_pointers(fp: u64, copy: &StackCopy<'_>, beyond: &mut [FramePointer]) -> usize {
    let (mut at, mut kept) = (fp, 0);
    // Links only ever point towards the root, so that a loop ends by itself.
    while let Some(next) = copy.word(at).filter(|next| *next > at) {
        at = next;
    }
    if at < copy.end().saturating_sub(8) || at == fp && at < copy.start {
        return 0;
    }
    while kept < beyond.len() && at.is_multiple_of(8) {
        let mut link = [0; 16];
        if copy_stack(at, &mut link) < 16 {
            break;
        }
        let word = |index: usize| u64::from_ne_bytes(link[index..index + 8].try_into().unwrap_or([0; 8]));
        let (next, return_address) = (word(0), word(8));
        beyond[kept] = FramePointer { at, return_address };
        kept += 1;
        if return_address == 0 || next <= at {
            break;
        }
        at = next;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_ends_where_memory_does() {
        // Three pages, the last of them not readable.
        let page = usize::try_from(PAGE).unwrap();
        // SAFETY: a fresh mapping of our own.
        let map = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                3 * page,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(map, libc::MAP_FAILED);
        // SAFETY: within that mapping.
        unsafe {
            std::ptr::write_bytes(map.cast::<u8>(), 7, 2 * page);
            assert_eq!(libc::mprotect(map.byte_add(2 * page), page, libc::PROT_NONE), 0);
        }
        let start = map as u64 + 24;
        let mut copy = vec![0; 4 * page];
        assert_eq!(copy_stack(start, &mut copy), 2 * page - 24);
        assert!(copy[..2 * page - 24].iter().all(|byte| *byte == 7));
        assert_eq!(copy_stack(start, &mut copy[..100]), 100);
        assert_eq!(copy_stack(map as u64 + 2 * PAGE, &mut copy), 0);
        for nowhere in [0, 8, u64::MAX - 8, u64::MAX] {
            assert_eq!(copy_stack(nowhere, &mut copy), 0);
        }
        // SAFETY: ours, and nobody looks at it any more.
        unsafe { libc::munmap(map, 3 * page) };
        assert_eq!(copy_stack(start, &mut copy), 0);
        assert!(can_copy());
    }

    #[test]
    fn links_beyond_the_copy_are_followed_and_loops_end() {
        // fp → [0], [4] → [10] → 0; the copy holds the first six words only.
        let mut words = [0_u64; 16];
        let base = words.as_ptr() as u64;
        for (at, next, back) in [(0, 4, 11), (4, 10, 22), (10, 14, 33), (14, 0, 44)] {
            words[at] = base + 8 * next;
            words[at + 1] = back;
        }
        words[14] = base;
        // SAFETY: the first six words of an array that lives on.
        let bytes = unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), 48) };
        let copy = StackCopy { start: base, bytes, beyond: &[] };
        let mut beyond = [FramePointer::default(); 8];
        let kept = walk_frame_pointers(base, &copy, &mut beyond);
        let seen: Vec<_> = beyond[..kept].iter().map(|link| (link.at, link.return_address)).collect();
        assert_eq!(seen, [(base + 80, 33), (base + 112, 44)]);
        for odd in [0, 1, base + 1, u64::MAX, u64::MAX - 7] {
            walk_frame_pointers(odd, &copy, &mut beyond);
        }
        assert_eq!(walk_frame_pointers(base, &copy, &mut beyond[..1]), 1);
        std::hint::black_box(&words);
    }
}
