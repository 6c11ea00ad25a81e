//! Whose code a function is, by the beginning of its path.

/// What a frame means to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The program, a library it chose, or native code: always shown.
    Own,
    /// Passes calls on; its name says nothing.
    Glue,
    /// Standard library and tokio functions that a program calls by name.
    Api,
    /// HTTP plumbing between a task and its handler.
    Web,
    /// The profiler itself.
    Profiler,
}

use Kind::{Api, Glue, Profiler, Web};

/// Paths (whole segments); the longest that fits counts.
const PATHS: &[(&str, Kind)] = &[
    ("alloc", Api),
    ("alloc::boxed::Box::call", Glue),
    ("alloc::boxed::Box::call_mut", Glue),
    ("alloc::boxed::Box::call_once", Glue),
    ("alloc::boxed::Box::poll", Glue),
    ("backtrace", Profiler),
    ("compiler_builtins", Api),
    ("core", Api),
    ("core::future", Glue),
    ("core::ops::function", Glue),
    ("core::panic", Glue),
    ("core::pin", Glue),
    ("core::task", Glue),
    ("futures_core", Glue),
    ("futures_task", Glue),
    ("futures_util", Glue),
    ("hashbrown", Api),
    ("mio", Glue),
    ("pin_project", Glue),
    ("pin_project_lite", Glue),
    ("pprof", Profiler),
    ("std", Api),
    ("std::panic", Glue),
    ("std::panicking::catch_unwind", Glue),
    ("std::panicking::try", Glue),
    ("std::rt", Glue),
    ("std::sys::backtrace", Glue),
    ("std::sys::pal::unix::thread", Glue),
    ("std::sys::thread", Glue),
    ("std::sys_common::backtrace", Glue),
    ("std::thread", Glue),
    ("std::thread::sleep", Api),
    ("tokio", Api),
    ("tokio::future", Glue),
    ("tokio::loom", Glue),
    ("tokio::macros", Glue),
    ("tokio::runtime", Glue),
    ("tokio::task::coop", Glue),
    ("tokio::task::task_local", Glue),
    ("tokio::time::timeout", Glue),
    ("tokio::util", Glue),
    ("tokio_stream", Api),
    ("tokio_util", Api),
    ("tracing::instrument", Glue),
    ("axum", Web),
    ("axum_core", Web),
    ("h2", Web),
    ("http", Web),
    ("http_body", Web),
    ("http_body_util", Web),
    ("httparse", Web),
    ("hyper", Web),
    ("hyper_util", Web),
    ("matchit", Web),
    ("sync_wrapper", Web),
    ("tower", Web),
    ("tower_http", Web),
    ("tower_layer", Web),
    ("tower_service", Web),
];

/// Symbols of C and of the compiler, whole.
const SYMBOLS: &[(&str, Kind)] = &[
    ("_start", Glue),
    ("__clone", Glue),
    ("__clone3", Glue),
    ("__libc_start_call_main", Glue),
    ("__libc_start_main", Glue),
    ("__libc_start_main_impl", Glue),
    ("__restore_rt", Profiler),
    ("__rust_begin_short_backtrace", Glue),
    ("__rust_try", Glue),
    ("clone", Glue),
    ("clone3", Glue),
    ("perf_signal_handler", Profiler),
    ("rust_begin_unwind", Api),
    ("rust_eh_personality", Api),
    ("rust_panic", Api),
    ("start_thread", Glue),
];

/// Types that have no path.
const PRIMITIVES: &[&str] = &[
    "array", "bool", "char", "f32", "f64", "fn", "i128", "i16", "i32", "i64", "i8", "isize", "never", "slice", "str",
    "tuple", "u128", "u16", "u32", "u64", "u8", "usize",
];

/// Beginnings of allocator internals; jemalloc, mimalloc, glibc and Rust's shims in front of them.
const ALLOCATORS: &[&str] = &[
    "_rjem_",
    "rjem_",
    "_mi_",
    "mi_",
    "je_",
    "prof_",
    "__rust_",
    "__rdl_",
    "__rg_",
    "__rustc::",
    "alloc::alloc::",
    "alloc::raw_vec::",
    "tikv_jemallocator::",
    "mimalloc::",
    "_int_",
    "__libc_malloc",
    "__libc_calloc",
    "__libc_realloc",
    "__GI___libc_malloc",
];

/// Beginnings of what a program allocates through: whatever these call is the allocator's own work.
const ENTRIES: &[&str] =
    &["_rjem_", "rjem_", "mi_", "mimalloc::", "probe::allocator::selectable::", "tikv_jemallocator::"];

/// Kind of a cleaned path.
pub(super) fn of(path: &str) -> Kind {
    if !path.contains("::") {
        return of_symbol(path);
    }
    if path.starts_with("__rustc::") {
        return Glue;
    }
    let head = path.split("::").next().unwrap_or(path);
    if PRIMITIVES.contains(&head) {
        return Api;
    }
    let fits = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    let longest = PATHS.iter().filter(|(prefix, _)| fits(prefix)).max_by_key(|(prefix, _)| prefix.len());
    longest.map_or(Kind::Own, |(_, kind)| *kind)
}

fn of_symbol(name: &str) -> Kind {
    if let Some((_, kind)) = SYMBOLS.iter().find(|(symbol, _)| *symbol == name) {
        return *kind;
    }
    if PRIMITIVES.contains(&name) || name.starts_with("_Unwind_") {
        return Api;
    }
    if ["__rust_", "__rdl_", "__rg_"].iter().any(|shim| name.starts_with(shim)) { Glue } else { Kind::Own }
}

/// True for what handles the timer signal: everything leafward of it is the profiler's own work.
pub(super) fn is_signal_frame(path: &str) -> bool {
    path == "__restore_rt" || path.ends_with("perf_signal_handler") || path == "<signal trampoline>"
}

/// True for frames through which an allocator is entered.
pub(super) fn is_allocator_entry(path: &str) -> bool {
    ENTRIES.iter().any(|begin| path.starts_with(begin))
}

/// True for frames inside an allocator.
pub(super) fn is_allocator(path: &str) -> bool {
    ALLOCATORS.iter().any(|begin| path.starts_with(begin))
        || matches!(path, "malloc" | "calloc" | "realloc" | "posix_memalign" | "aligned_alloc")
}
