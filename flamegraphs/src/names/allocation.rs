//! Which functions allocate.

/// Beginnings of what Go's collector is made of, within its runtime.
const COLLECTOR: &[&str] = &["gc", "scan", "markroot", "greyobject", "bgsweep", "(*sweepLocked)", "bgscavenge"];

/// Whether a function is the entry of an allocator or of its work: C's interface (malloc(3)) by its names, whatever prefix an
/// allocator gives them, C++'s operators, and Rust's (`GlobalAlloc`, `__rust_alloc` and the functions of `alloc::alloc`). Those
/// names are binary interfaces, not libraries: whatever such a function calls is allocation. So is what Go's collector does, which
/// goes on for as long as there is garbage (runtime/mgc.go, mgcmark.go, mgcsweep.go).
pub fn is_allocation(function: &str) -> bool {
    if function.contains("::") {
        return ["GlobalAlloc>::", "alloc::alloc::", "__rustc::__r", "alloc::raw_vec::finish_grow"]
            .iter()
            .any(|part| function.contains(part));
    }
    if let Some(name) = function.strip_prefix("runtime.") {
        return COLLECTOR.iter().any(|begin| name.starts_with(begin)) || name.starts_with("malloc");
    }
    let within =
        ["malloc", "calloc", "realloc", "memalign", "alloc_aligned", "allocx", "__rust_alloc", "__rust_dealloc"];
    within.iter().any(|part| function.contains(part))
        || ["free", "cfree", "__rdl_dealloc", "__rdl_alloc", "__rg_dealloc", "__rg_alloc"].contains(&function)
        || ["_free", "_free_sized", "_free_size"].iter().any(|end| function.ends_with(end))
        || ["operator new", "operator delete"].iter().any(|begin| function.starts_with(begin))
}

/// Whether a function gives memory back, of those that [`is_allocation`] tells: who does that lets go what somebody asked for.
pub fn is_release(function: &str) -> bool {
    let within = ["dealloc", "sdallocx", "operator delete"].iter().any(|part| function.contains(part));
    let ends = ["free", "_free_sized", "_free_size"].iter().any(|end| function.ends_with(end));
    (within || ends) && is_allocation(function)
}

/// Whether a function copies memory and does nothing else: C's `memcpy` and `memmove` with whatever a C library adds to their
/// names, Go's, and Rust's primitives, which become these.
pub fn is_copy(function: &str) -> bool {
    is_primitive(function, &["copy", "copy_nonoverlapping"], &["memcpy", "memmove"])
}

/// Whether a function fills memory and does nothing else: C's `memset`, Go's, and Rust's primitives, which become that.
pub fn is_fill(function: &str) -> bool {
    is_primitive(function, &["write_bytes"], &["memset", "runtime.memclr"])
}

/// Whether it is one of these functions of Rust's language, or has one of these parts in a name of C's or Go's.
fn is_primitive(function: &str, rust: &[&str], others: &[&str]) -> bool {
    // `core::ptr::copy::<u8>`, `core::ptr::copy<u8>`.
    let plain = function.split('<').next().unwrap_or_default().trim_end_matches("::");
    if function.contains("::") {
        let told = plain.rsplit_once("::");
        return told
            .is_some_and(|(path, last)| matches!(path, "core::ptr" | "core::intrinsics") && rust.contains(&last));
    }
    others.iter().any(|part| function.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocation_is_told_by_its_interfaces() {
        for name in [
            "malloc",
            "_int_malloc",
            "__libc_calloc",
            "realloc",
            "_rjem_malloc",
            "_rjem_je_sdallocx",
            "mi_malloc_aligned",
            "free",
            "_int_free",
            "cfree",
            "posix_memalign",
            "__rust_alloc",
            "__rust_dealloc",
            "operator new(unsigned long)",
            "mi_free",
            "<acme::Pool as core::alloc::global::GlobalAlloc>::alloc",
            "alloc::alloc::exchange_malloc",
            "runtime.mallocgc",
            "runtime.gcBgMarkWorker",
            "runtime.gcAssistAlloc1",
            "runtime.scanObject",
            "runtime.(*sweepLocked).sweep",
        ] {
            assert!(is_allocation(name), "{name}");
        }
        for name in [
            "app::malloc_report",
            "memcpy",
            "freeze",
            "app::free",
            "alloc::vec::Vec::push",
            "alloca",
            "carefree",
            "runtime.gopark",
            "runtime.memmove",
        ] {
            assert!(!is_allocation(name), "{name}");
        }
    }

    #[test]
    fn what_gives_memory_back_is_told_from_what_asks_for_it() {
        for name in
            ["free", "_int_free", "cfree", "__rust_dealloc", "mi_free", "_rjem_sdallocx", "operator delete(void*)"]
        {
            assert!(is_release(name), "{name}");
        }
        for name in ["malloc", "realloc", "__rust_alloc", "app::free", "carefree", "runtime.mallocgc"] {
            assert!(!is_release(name), "{name}");
        }
    }

    #[test]
    fn copies_are_told_from_functions_that_copy_among_other_things() {
        for name in [
            "memcpy",
            "__memmove_avx_unaligned_erms",
            "runtime.memmove",
            "core::ptr::copy_nonoverlapping",
            "core::ptr::copy_nonoverlapping::<u8>",
            "core::intrinsics::copy",
            "core::ptr::copy<core::mem::maybe_uninit::MaybeUninit<u8>>",
        ] {
            assert!(is_copy(name), "{name}");
        }
        for name in ["app::memcpy_report", "app::copy", "<app::Page as core::clone::Clone>::clone", "copy", "memset"] {
            assert!(!is_copy(name), "{name}");
        }
    }

    #[test]
    fn filling_is_told_from_functions_that_fill_among_other_things() {
        for name in [
            "__memset_avx2_unaligned_erms",
            "runtime.memclrNoHeapPointers",
            "core::ptr::write_bytes<core::mem::maybe_uninit::MaybeUninit<u8>>",
        ] {
            assert!(is_fill(name), "{name}");
        }
        for name in ["app::memset", "core::ptr::write<u8>", "<app::Page as app::Fill>::write_bytes", "memcpy"] {
            assert!(!is_fill(name), "{name}");
        }
    }
}
