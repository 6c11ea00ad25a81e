//! What mimalloc says about itself.

use std::ffi::c_void;

use libmimalloc_sys as ffi;

/// mimalloc's view of the process, bytes. Resident sizes are the kernel's; committed is what mimalloc holds mapped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stats {
    /// Resident set now, as mimalloc estimates it (on Linux: equal to `committed`).
    pub resident: u64,
    /// Largest resident set so far, from the kernel.
    pub peak_resident: u64,
    /// Memory that mimalloc has committed.
    pub committed: u64,
    /// Most it ever had committed.
    pub peak_committed: u64,
}

/// Reads the statistics; all committed sizes are zero where mimalloc has served nothing.
pub fn stats() -> Stats {
    let (mut resident, mut peak_resident, mut committed, mut peak_committed) = (0, 0, 0, 0);
    let unwanted = std::ptr::null_mut();
    // SAFETY: each pointer is valid for a write or null, which stands for "not wanted".
    unsafe {
        ffi::mi_process_info(
            unwanted,
            unwanted,
            unwanted,
            &raw mut resident,
            &raw mut peak_resident,
            &raw mut committed,
            &raw mut peak_committed,
            unwanted,
        );
    }
    Stats {
        resident: resident as u64,
        peak_resident: peak_resident as u64,
        committed: committed as u64,
        peak_committed: peak_committed as u64,
    }
}

/// Gives freed pages back: those of the calling thread, of threads that have ended, and those that any thread returned to
/// the arenas, without the delay of `purge_delay`. What other threads keep for themselves stays.
pub fn collect() {
    // SAFETY: no preconditions; takes the locks it needs.
    unsafe { ffi::mi_collect(true) };
}

/// Version as mimalloc states it: `3.3.2`.
pub fn version() -> String {
    // SAFETY: reads a constant.
    let packed = unsafe { ffi::mi_version() };
    if packed >= 10_000 {
        format!("{}.{}.{}", packed / 10_000, packed / 100 % 100, packed % 100)
    } else {
        format!("{}.{}.{}", packed / 100, packed / 10 % 10, packed % 10)
    }
}

/// Whether `address` lies in memory that mimalloc manages.
pub(crate) fn owns(address: *const c_void) -> bool {
    // SAFETY: the address is looked up in a table, never read through.
    unsafe { ffi::mi_is_in_heap_region(address) }
}
