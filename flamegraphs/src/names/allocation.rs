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
}
