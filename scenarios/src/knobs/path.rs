//! From a path to what it names.

use super::{KNOBS, Knob, KnobError};
use crate::problem::nearest;

/// What a path names.
#[derive(Debug, Clone, Copy)]
pub enum Setting<'a> {
    /// A knob of the table.
    Knob(&'static Knob),
    /// `workload.NAME`: the name. Whether the scenario declares it is not known here.
    Parameter(&'a str),
    /// `env.NAME`: the name.
    Environment(&'a str),
}

/// Environment variables that are other knobs' business, with the reason; a trailing `*` stands for anything.
const RESERVED: [(&str, &str); 12] = [
    ("_RJEM_MALLOC_CONF", "use the allocator.jemalloc.* knobs, which are checked and read back"),
    ("MALLOC_CONF", "the built-in jemalloc ignores it; use the allocator.jemalloc.* knobs"),
    ("MIMALLOC_*", "use the allocator.mimalloc.* knobs, which are checked and read back"),
    ("MALLOC_*", "use the allocator.system.* knobs, which are checked and read back"),
    ("GLIBC_TUNABLES", "use the allocator.system.* knobs, which are checked and read back"),
    ("TOKIO_UNSTABLE_SHARDED_BLOCKING_QUEUE", "use runtime.sharded_blocking_queue, which is checked and read back"),
    ("TOKIO_WORKER_THREADS", "use runtime.worker_threads, which is checked and read back"),
    ("GOMAXPROCS", "use go.gomaxprocs, which is checked and read back"),
    ("GOGC", "use go.gogc, which is checked and read back"),
    ("GOMEMLIMIT", "use go.gomemlimit, which is checked and read back"),
    ("GODEBUG", "use go.godebug, which is checked and read back"),
    ("WORKBENCH_*", "the workbench talks to its subjects by such variables"),
];

/// Options that the libraries know and no knob sets, with the reason; a trailing `*` stands for anything.
const UNAVAILABLE: [(&str, &str); 8] = [
    ("allocator.jemalloc.abort_conf", "every preflight sets it, so that no bad option passes"),
    ("allocator.jemalloc.prof*", NO_PROFILING),
    ("allocator.jemalloc.lg_prof*", NO_PROFILING),
    (
        "allocator.jemalloc.tcache_ncached_max",
        "no option shows what it came to; use allocator.jemalloc.tcache_nslots_small_max and the others like it",
    ),
    (
        "allocator.jemalloc.process_madvise_max_batch",
        "jemalloc takes it for 0 without a word where it was built without process_madvise",
    ),
    ("allocator.mimalloc.guarded*", "mimalloc is built without guard pages"),
    ("allocator.mimalloc.retry_on_oom", "mimalloc reads it on Windows only"),
    ("runtime.io_uring", "tokio is built without its io-uring feature"),
];

const NO_PROFILING: &str = "jemalloc is built without profiling, which would slow every allocation of every trial; \
                            gather `--evidence heap`, which works under each allocator";

/// Finds what a path names.
///
/// # Errors
/// [`KnobError::Unknown`] with the nearest path, [`KnobError::Group`], [`KnobError::Name`],
/// [`KnobError::Reserved`] or [`KnobError::Unavailable`].
pub fn lookup(path: &str) -> Result<Setting<'_>, KnobError> {
    if let Some(knob) = KNOBS.iter().find(|knob| knob.path == path) {
        return Ok(Setting::Knob(knob));
    }
    if let Some(name) = parameter_name(path) {
        return if is_parameter_name(name) {
            Ok(Setting::Parameter(name))
        } else {
            Err(KnobError::Name { path: path.to_owned(), expected: "parameters are snake_case" })
        };
    }
    if let Some(name) = path.strip_prefix("env.") {
        return environment(path, name);
    }
    Err(unknown(path))
}

/// Checks a value for the setting at `path` and returns its canonical spelling.
///
/// # Errors
/// As [`lookup`] and [`Knob::check`].
pub fn check(path: &str, value: &str) -> Result<String, KnobError> {
    match lookup(path)? {
        Setting::Knob(knob) => knob.check(value),
        // Only the workload knows what its parameters take.
        Setting::Parameter(_) => Ok(value.to_owned()),
        Setting::Environment(_) if value.contains('\0') => Err(KnobError::Type {
            path: path.to_owned(),
            value: value.to_owned(),
            expected: "a value that the environment can hold: it contains a NUL".to_owned(),
        }),
        Setting::Environment(_) => Ok(value.to_owned()),
    }
}

/// The NAME of a `workload.NAME` path.
pub fn parameter_name(path: &str) -> Option<&str> {
    path.strip_prefix("workload.")
}

/// Whether a parameter may be called so: snake_case, so that its path needs no quoting anywhere.
fn is_parameter_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn environment<'a>(path: &'a str, name: &'a str) -> Result<Setting<'a>, KnobError> {
    let portable = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !portable {
        let expected = "environment variables have letters, digits and `_`, and do not begin with a digit";
        return Err(KnobError::Name { path: path.to_owned(), expected });
    }
    match matching(&RESERVED, name) {
        Some(instead) => Err(KnobError::Reserved { path: path.to_owned(), instead }),
        None => Ok(Setting::Environment(name)),
    }
}

/// The word beside the first pattern that fits.
fn matching(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    };
    table.iter().find(|(pattern, _)| fits(pattern)).map(|(_, word)| *word)
}

fn unknown(path: &str) -> KnobError {
    if let Some(reason) = matching(&UNAVAILABLE, path) {
        return KnobError::Unavailable { path: path.to_owned(), reason };
    }
    let group = format!("{path}.");
    let members: Vec<String> =
        KNOBS.iter().filter(|knob| knob.path.starts_with(&group)).map(|knob| knob.path.to_owned()).collect();
    if !members.is_empty() {
        return KnobError::Group { path: path.to_owned(), members };
    }
    let nearest =
        by_go_name(path).or_else(|| by_variable(path)).or_else(|| nearest(path, KNOBS.iter().map(|knob| knob.path)));
    KnobError::Unknown { path: path.to_owned(), nearest: nearest.map(str::to_owned) }
}

/// The knob for what a variable of the environment sets, as `MIMALLOC_PURGE_DELAY` or `MALLOC_ARENA_MAX`.
fn by_variable(path: &str) -> Option<&'static str> {
    let sets = |knob: &&Knob| knob.variable().is_some_and(|place| place.is_set_by(path));
    KNOBS.iter().find(sets).map(|knob| knob.path)
}

/// The knob for what a Go engineer calls `GOMAXPROCS`, as `GOMAXPROCS` or `go.gomaxprocs`.
fn by_go_name(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix("go.").unwrap_or(path);
    let named = |knob: &&Knob| knob.go.is_some_and(|go| go.name != "none" && go.name.eq_ignore_ascii_case(name));
    KNOBS.iter().find(named).map(|knob| knob.path)
}
