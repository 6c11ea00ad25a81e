//! The global allocator that forwards to the chosen one.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::CStr;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use ::mimalloc::MiMalloc;
use tikv_jemallocator::Jemalloc;

use super::{Kind, UNKNOWN_KIND_EXIT, counters};

const UNDECIDED: u8 = 0;
const JEMALLOC: u8 = 1;
const MIMALLOC: u8 = 2;
const SYSTEM: u8 = 3;

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

/// Written once, by the first allocation of the process, which comes before `main`; later changes of the environment
/// change nothing.
static MODE: AtomicU8 = AtomicU8::new(UNDECIDED);

/// Allocator of the kind that [`super::ENV`] names, with counters. A name that is no kind ends the process with
/// [`UNKNOWN_KIND_EXIT`] at its first allocation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selectable;

/// The kind in force. Decides it where nothing has been allocated through [`Selectable`] yet.
pub fn kind() -> Kind {
    match mode() {
        MIMALLOC => Kind::Mimalloc,
        SYSTEM => Kind::System,
        _ => Kind::Jemalloc,
    }
}

#[inline]
fn mode() -> u8 {
    match MODE.load(Relaxed) {
        UNDECIDED => decide(),
        mode => mode,
    }
}

#[cold]
fn decide() -> u8 {
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
    match MODE.compare_exchange(UNDECIDED, mode, Relaxed, Relaxed) {
        Ok(_) => mode,
        Err(earlier) => earlier,
    }
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

// SAFETY: each method forwards to one allocator that upholds the contract, always the same one for the whole process
// because MODE never changes once set; a block exists only after `alloc` or `alloc_zeroed` decided it. Counting
// neither allocates nor unwinds.
unsafe impl GlobalAlloc for Selectable {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about `layout` are those that each allocator asks for.
        let block = unsafe {
            match mode() {
                MIMALLOC => MiMalloc.alloc(layout),
                SYSTEM => System.alloc(layout),
                _ => Jemalloc.alloc(layout),
            }
        };
        if !block.is_null() {
            counters::allocated(layout.size());
        }
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let block = unsafe {
            match mode() {
                MIMALLOC => MiMalloc.alloc_zeroed(layout),
                SYSTEM => System.alloc_zeroed(layout),
                _ => Jemalloc.alloc_zeroed(layout),
            }
        };
        if !block.is_null() {
            counters::allocated(layout.size());
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        counters::freed(layout.size());
        // SAFETY: `block` came from this very allocator: MODE was set before it existed, and has not changed.
        unsafe {
            match MODE.load(Relaxed) {
                MIMALLOC => MiMalloc.dealloc(block, layout),
                SYSTEM => System.dealloc(block, layout),
                _ => Jemalloc.dealloc(block, layout),
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`.
        let moved = unsafe {
            match MODE.load(Relaxed) {
                MIMALLOC => MiMalloc.realloc(block, layout, new_size),
                SYSTEM => System.realloc(block, layout, new_size),
                _ => Jemalloc.realloc(block, layout, new_size),
            }
        };
        if !moved.is_null() {
            counters::reallocated(layout.size(), new_size);
        }
        moved
    }
}
