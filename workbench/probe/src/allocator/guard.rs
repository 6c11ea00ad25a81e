//! The guard: is this process really served by the allocator it claims?
//!
//! Feature unification can turn on jemalloc's `unprefixed_malloc` or mimalloc's `override` from any dependency; then
//! the C library's `malloc` *is* that allocator and `system` silently measures the wrong thing.

use std::ffi::{CStr, c_void};
use std::hint::black_box;

use super::{Kind, counters, kind};
use crate::jemalloc;

/// Big enough to tell from what other threads allocate meanwhile, and beyond the largest threshold at which glibc
/// stops giving blocks a mapping of their own (32 MiB), so that nothing of it stays behind.
const PROBE_BYTES: usize = 64 << 20;

/// Why the allocator is not what it claims to be.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// [`super::Selectable`] is not the global allocator of this program.
    #[error("probe::allocator::Selectable is not the #[global_allocator] of this program")]
    NotInstalled,
    /// `malloc` belongs to somebody else: an unprefixed jemalloc, an overriding mimalloc, a preloaded library.
    #[error(
        "malloc is served by {served_by}, not by the C library; is another allocator preloaded or built unprefixed?"
    )]
    ForeignMalloc {
        /// File that holds the symbol.
        served_by: String,
    },
    /// `malloc` moved jemalloc's own statistics.
    #[error(
        "malloc of {PROBE_BYTES} bytes moved jemalloc's statistics by {moved}: jemalloc is built without its prefix"
    )]
    MallocIsJemalloc {
        /// Bytes.
        moved: u64,
    },
    /// A Rust allocation came from elsewhere than from the chosen allocator.
    #[error("{kind} was chosen but does not serve Rust allocations: {evidence}")]
    WrongAllocator {
        /// The chosen kind.
        kind: Kind,
        /// What betrays it.
        evidence: String,
    },
    /// `malloc` failed.
    #[error("malloc of {PROBE_BYTES} bytes failed")]
    NoMemory,
    /// jemalloc could not be asked.
    #[error(transparent)]
    Jemalloc(#[from] jemalloc::ControlError),
}

/// Checks that `malloc` is the C library's own, that jemalloc does not see it, and that the chosen allocator serves
/// Rust allocations. Takes less than a millisecond and leaves no memory behind; call it at the start of a process.
///
/// # Errors
/// The first check that failed, with its evidence.
pub fn verify() -> Result<(), GuardError> {
    installed()?;
    malloc_is_the_c_librarys()?;
    malloc_is_not_jemalloc()?;
    let kind = kind();
    let evidence = match kind {
        Kind::Jemalloc => jemalloc_serves_rust()?,
        Kind::Mimalloc => mimalloc_serves_rust(),
        Kind::System => system_serves_rust()?,
    };
    match evidence {
        None => Ok(()),
        Some(evidence) => Err(GuardError::WrongAllocator { kind, evidence }),
    }
}

fn installed() -> Result<(), GuardError> {
    if is_installed() { Ok(()) } else { Err(GuardError::NotInstalled) }
}

/// True where [`super::Selectable`] serves this program's allocations.
pub(crate) fn is_installed() -> bool {
    // Several, since the totals are those of all threads, and somebody else may count by hand (as our own tests do).
    const BLOCKS: u64 = 64;
    let before = counters();
    for _ in 0..BLOCKS {
        drop(black_box(Box::new([0_u8; 64])));
    }
    (counters() - before).allocations >= BLOCKS
}

/// The allocator that serves this program's blocks, seen at a block: also where a program installed it without us.
pub(crate) fn serving() -> Kind {
    let block = black_box(Box::new(0_u8));
    let address: *const c_void = (&raw const *block).cast();
    if crate::jemalloc::owns(address).unwrap_or(false) {
        Kind::Jemalloc
    } else if crate::mimalloc::owns(address) {
        Kind::Mimalloc
    } else {
        Kind::System
    }
}

fn malloc_is_the_c_librarys() -> Result<(), GuardError> {
    // SAFETY: Dl_info is plain pointers, for which zero is a value; dladdr only fills it in.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is valid for writes, and any address may be asked about.
    let known = unsafe { libc::dladdr(libc::malloc as *const c_void, &raw mut info) };
    let served_by = if known == 0 || info.dli_fname.is_null() {
        "an unknown object".to_owned()
    } else {
        // SAFETY: dladdr's name is a NUL-terminated string of the loader's, which unloads nothing we were linked with.
        unsafe { CStr::from_ptr(info.dli_fname) }.to_string_lossy().into_owned()
    };
    let file = served_by.rsplit('/').next().unwrap_or(&served_by);
    if file.starts_with("libc.so") || file.starts_with("libc-") {
        Ok(())
    } else {
        Err(GuardError::ForeignMalloc { served_by })
    }
}

fn malloc_is_not_jemalloc() -> Result<(), GuardError> {
    let before = jemalloc::stats()?.allocated;
    // SAFETY: an unused block of a valid size.
    let block = black_box(unsafe { libc::malloc(PROBE_BYTES) });
    if block.is_null() {
        return Err(GuardError::NoMemory);
    }
    let after = jemalloc::stats();
    // SAFETY: `block` is what malloc returned, and is freed once.
    unsafe { libc::free(block) };
    let moved = after?.allocated.saturating_sub(before);
    if moved > PROBE_BYTES as u64 / 2 { Err(GuardError::MallocIsJemalloc { moved }) } else { Ok(()) }
}

/// Asks jemalloc whether it owns a Rust allocation. Exact, where its totals also move by what other threads do.
fn jemalloc_serves_rust() -> Result<Option<String>, GuardError> {
    let block = black_box(Box::new([0_u8; 64]));
    let owned = jemalloc::owns(block.as_ptr().cast())?;
    Ok((!owned).then(|| "jemalloc does not know the address of a new Box".to_owned()))
}

fn mimalloc_serves_rust() -> Option<String> {
    let block = black_box(Box::new([0_u8; 64]));
    (!crate::mimalloc::owns(block.as_ptr().cast()))
        .then(|| "mimalloc does not know the address of a new Box".to_owned())
}

/// The C library cannot be asked about an address, so its own total must move by a block of an unmistakable size.
fn system_serves_rust() -> Result<Option<String>, GuardError> {
    let before = mapped_by_the_c_library();
    let block = black_box(Vec::<u8>::with_capacity(PROBE_BYTES));
    let moved = mapped_by_the_c_library().saturating_sub(before);
    if jemalloc::owns(block.as_ptr().cast())? || crate::mimalloc::owns(block.as_ptr().cast()) {
        return Ok(Some("another allocator knows the address of a new block".to_owned()));
    }
    Ok((moved < PROBE_BYTES / 2).then(|| format!("a block of {PROBE_BYTES} bytes moved mallinfo2 by {moved}")))
}

/// Bytes in blocks with a mapping of their own.
fn mapped_by_the_c_library() -> usize {
    // SAFETY: mallinfo2 only reads the allocator's books, under its own locks.
    unsafe { libc::mallinfo2() }.hblkhd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_librarys_malloc_is_recognised() {
        malloc_is_the_c_librarys().unwrap();
        malloc_is_not_jemalloc().unwrap();
    }

    #[test]
    fn allocators_know_their_own_addresses_only() {
        // The unit tests install no allocator, so the system's serves them, and neither of the others may claim to.
        assert!(jemalloc_serves_rust().unwrap().is_some());
        assert!(mimalloc_serves_rust().is_some());
        assert_eq!(system_serves_rust().unwrap(), None);
    }
}
