//! Environment variables that would change a subject behind the plan's back.

/// Names and, ending in `*`, prefixes that are removed from a subject's environment before the plan's own are set.
///
/// `LD_PRELOAD` and its kin are in: a preloaded allocator or profiler would serve every variant.
pub const SCRUBBED: &[&str] = &[
    "_RJEM_MALLOC_CONF",
    "MALLOC_*",
    "MIMALLOC_*",
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
    "LD_AUDIT",
    "TOKIO_*",
    "GOMAXPROCS",
    "GOGC",
    "GOMEMLIMIT",
    "GODEBUG",
    "GOTRACEBACK",
    "WORKBENCH_ALLOCATOR",
    "WORKBENCH_MEMORY_LIMIT",
];

/// Whether `name` is one of [`SCRUBBED`].
pub fn is_scrubbed(name: &str) -> bool {
    SCRUBBED.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_allocators_and_runtimes_are_scrubbed_and_nothing_else() {
        let scrubbed = [
            "_RJEM_MALLOC_CONF",
            "MALLOC_CONF",
            "MALLOC_ARENA_MAX",
            "MALLOC_TRIM_THRESHOLD_",
            "MIMALLOC_PURGE_DELAY",
            "GLIBC_TUNABLES",
            "TOKIO_WORKER_THREADS",
            "TOKIO_UNSTABLE_SHARDED_BLOCKING_QUEUE",
            "GOMAXPROCS",
            "GOGC",
            "GOMEMLIMIT",
            "GODEBUG",
            "LD_PRELOAD",
            "WORKBENCH_ALLOCATOR",
            crate::memory_limit::ENV,
        ];
        for name in scrubbed {
            assert!(is_scrubbed(name), "{name}");
        }
        for name in ["PATH", "HOME", "GOPATH", "GOGCX", "MALLOC", "XMALLOC_CONF", "RUST_LOG", "LD_LIBRARY_PATH", ""] {
            assert!(!is_scrubbed(name), "{name}");
        }
    }
}
