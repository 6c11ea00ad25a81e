//! The global allocator that forwards to the chosen one.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::CStr;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use super::{Kind, UNKNOWN_KIND_EXIT, layers};

/// The only negative value, and the zero: one test of a word, before all comparisons, finds both. As cases of one
/// `match` the compiler would look for them last.
pub(super) const JEMALLOC: i32 = -1;
pub(super) const MIMALLOC: i32 = 0;
pub(super) const SYSTEM: i32 = 1;
pub(super) const UNDECIDED: i32 = 2;
/// The heap sampler has to look; which allocator serves stands in [`KIND`].
const WATCHED: i32 = 3;

/// [`super::ENV`], as `getenv` wants it.
const NAME: &CStr = c"WORKBENCH_ALLOCATOR";
const _: () = {
    let (name, variable) = (NAME.to_bytes(), super::ENV.as_bytes());
    assert!(name.len() == variable.len());
    let mut at = 0;
    while at < name.len() {
        assert!(name[at] == variable[at]);
        at += 1;
    }
};

/// The allocator of this process. Written once, by the first allocation, which comes before `main`; later changes of the
/// environment change nothing.
pub(super) static KIND: AtomicI32 = AtomicI32::new(UNDECIDED);

/// Where the next allocation goes: [`KIND`], or [`WATCHED`] while the sampler runs. One load and the comparisons that
/// choose the allocator anyway: what is undecided or watched costs nothing while nothing is.
pub(super) static ROUTE: AtomicI32 = AtomicI32::new(UNDECIDED);

/// Where the next free goes, and the next resize: [`KIND`], or [`WATCHED`] while sampled blocks may be live, which may be
/// so long after the sampler has stopped.
pub(super) static RETURNS: AtomicI32 = AtomicI32::new(UNDECIDED);

/// Allocator of the kind that [`super::ENV`] names, with counters. A name that is no kind ends the process with
/// [`UNKNOWN_KIND_EXIT`] at its first allocation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selectable;

/// The kind in force. Decides it where nothing has been allocated through [`Selectable`] yet.
pub fn kind() -> Kind {
    match decided() {
        MIMALLOC => Kind::Mimalloc,
        SYSTEM => Kind::System,
        _ => Kind::Jemalloc,
    }
}

/// Sends allocations through the heap sampler, or past it. Frees must be watched before the first block is sampled.
pub(crate) fn watch_allocations(watched: bool) {
    let kind = decided();
    ROUTE.store(if watched { WATCHED } else { kind }, Relaxed);
}

/// Sends frees and resizes through the heap sampler, or past it: only while no sampled block is live, and none can come.
///
/// Whoever frees a sampled block sees the change: the thread that sampled it had read, with acquire, what the sampler
/// stored after this; and it handed the block over.
pub(crate) fn watch_returns(watched: bool) {
    let kind = decided();
    RETURNS.store(if watched { WATCHED } else { kind }, Relaxed);
}

#[inline]
pub(super) fn decided() -> i32 {
    match KIND.load(Relaxed) {
        UNDECIDED => decide(),
        kind => kind,
    }
}

#[cold]
fn decide() -> i32 {
    // `std::env` allocates and locks, and this runs inside the first allocation.
    // SAFETY: the first call comes before `main`, when no thread can change the environment.
    let value = unsafe { libc::getenv(NAME.as_ptr()) };
    let mode = if value.is_null() {
        JEMALLOC
    } else {
        // SAFETY: getenv returned a NUL-terminated string that lives in the environment block.
        let value = unsafe { CStr::from_ptr(value) }.to_bytes();
        match value {
            b"" | b"jemalloc" => JEMALLOC,
            b"mimalloc" => MIMALLOC,
            b"system" => SYSTEM,
            unknown => refuse(unknown),
        }
    };
    let mode = match KIND.compare_exchange(UNDECIDED, mode, Relaxed, Relaxed) {
        Ok(_) => mode,
        Err(earlier) => earlier,
    };
    // Only from undecided: the sampler may have been started meanwhile.
    for route in [&ROUTE, &RETURNS] {
        let _ = route.compare_exchange(UNDECIDED, mode, Relaxed, Relaxed);
    }
    mode
}

/// Says what is wrong without allocating, and ends the process without running anything else of it.
fn refuse(value: &[u8]) -> ! {
    for part in [b"workbench: WORKBENCH_ALLOCATOR=".as_slice(), value, b": not one of jemalloc, mimalloc, system\n"] {
        // SAFETY: pointer and length describe one slice. Nothing can be done about a failed write.
        unsafe { libc::write(libc::STDERR_FILENO, part.as_ptr().cast(), part.len()) };
    }
    // SAFETY: _exit runs no handlers and returns to nobody.
    unsafe { libc::_exit(UNKNOWN_KIND_EXIT) }
}

// SAFETY: see `layers`; a method forwards everything it is promised.
unsafe impl GlobalAlloc for Selectable {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { layers::alloc::<true, true, false>(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { layers::alloc::<true, true, true>(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { layers::dealloc::<true>(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { layers::realloc::<true>(block, layout, new_size) }
    }
}
