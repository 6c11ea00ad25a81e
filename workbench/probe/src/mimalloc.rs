//! What mimalloc says about itself.

use std::collections::BTreeMap;
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

/// Options of mimalloc 3.3 by their index (`mi_option_t` of its `mimalloc.h`), and whether they are kept in KiB.
const OPTIONS: &[(&str, i32, bool)] = &[
    ("arena_eager_commit", 4, false),
    ("purge_decommits", 5, false),
    ("allow_large_os_pages", 6, false),
    ("reserve_huge_os_pages", 7, false),
    ("reserve_os_memory", 9, true),
    ("purge_delay", 15, false),
    ("use_numa_nodes", 16, false),
    ("arena_reserve", 23, true),
    ("arena_purge_mult", 24, false),
    ("disallow_arena_alloc", 26, false),
    ("visit_abandoned", 28, false),
    ("generic_collect", 34, false),
    ("page_reclaim_on_free", 35, false),
    ("page_full_retain", 36, false),
    ("page_max_candidates", 37, false),
    ("pagemap_commit", 39, false),
    ("page_commit_on_demand", 40, false),
    ("page_max_reclaim", 41, false),
    ("page_cross_thread_max_reclaim", 42, false),
    ("allow_thp", 43, false),
    ("minimal_purge_size", 44, true),
    ("arena_max_object_size", 45, true),
    ("arena_is_numa_local", 46, false),
];

/// The options in force, by the names of `MIMALLOC_NAME` in small letters; sizes in bytes. mimalloc ignores bad values
/// and unknown names without a word, so this is the only proof that a setting took.
pub fn effective() -> BTreeMap<&'static str, String> {
    let value = |index, in_kib| {
        // SAFETY: reads an entry of a table; an index beyond it gives 0.
        let value = unsafe { ffi::mi_option_get(index) };
        if in_kib { value * 1024 } else { value }.to_string()
    };
    OPTIONS.iter().map(|&(name, index, in_kib)| (name, value(index, in_kib))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index that moved with a newer mimalloc would show another option's default.
    #[test]
    fn the_defaults_are_those_of_the_version_whose_indexes_are_used() {
        assert!(version().starts_with("3.3."), "{}: compare the indexes with its mimalloc.h", version());
        let lines: Vec<_> = effective().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
