//! Questions to jemalloc through `mallctl`.

use std::ffi::{c_char, c_uint, c_void};

use tikv_jemalloc_ctl::raw;

/// jemalloc refused an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("jemalloc does not answer `{name}`: {reason}")]
pub struct ControlError {
    /// Name in the `mallctl` namespace.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Totals of jemalloc, bytes (`stats.*` of jemalloc(3)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stats {
    /// In live blocks, by size class.
    pub allocated: u64,
    /// In pages that hold live blocks.
    pub active: u64,
    /// In pages that are physically resident, jemalloc's own metadata and dirty pages included.
    pub resident: u64,
    /// In unmapped or decommitted address space that is kept for reuse.
    pub retained: u64,
    /// In mapped extents.
    pub mapped: u64,
    /// In jemalloc's own metadata.
    pub metadata: u64,
}

/// Reads `name` (without NUL) as a `T`, which must be the type that jemalloc(3) gives.
pub(super) fn read<T: Copy>(name: &str) -> Result<T, ControlError> {
    let terminated = format!("{name}\0");
    // SAFETY: the name ends in NUL, and mallctl checks the size of T against its own type before it writes.
    unsafe { raw::read(terminated.as_bytes()) }
        .map_err(|error| ControlError { name: name.to_owned(), reason: error.to_string() })
}

/// Reads the totals after asking jemalloc to refresh them (6–100 µs).
///
/// # Errors
/// jemalloc was built without statistics.
pub fn stats() -> Result<Stats, ControlError> {
    tikv_jemalloc_ctl::epoch::advance()
        .map_err(|error| ControlError { name: "epoch".to_owned(), reason: error.to_string() })?;
    let read = |name| read::<usize>(name).map(|bytes| bytes as u64);
    Ok(Stats {
        allocated: read("stats.allocated")?,
        active: read("stats.active")?,
        resident: read("stats.resident")?,
        retained: read("stats.retained")?,
        mapped: read("stats.mapped")?,
        metadata: read("stats.metadata")?,
    })
}

/// Writes `value` to `name` (without NUL); `T` must be the type that jemalloc(3) gives.
pub(super) fn write<T>(name: &str, value: T) -> Result<(), ControlError> {
    let terminated = format!("{name}\0");
    // SAFETY: the name ends in NUL, and mallctl checks the size of T against its own type before it reads.
    unsafe { raw::write(terminated.as_bytes(), value) }
        .map_err(|error| ControlError { name: name.to_owned(), reason: error.to_string() })
}

/// A string that jemalloc keeps; `None` where it has none.
pub(super) fn text(name: &str) -> Result<Option<String>, ControlError> {
    let pointer = read::<*const c_char>(name)?;
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not null, and jemalloc's strings are NUL-terminated and never freed.
    let text = unsafe { std::ffi::CStr::from_ptr(pointer) };
    Ok(Some(text.to_string_lossy().into_owned()))
}

/// Whether jemalloc serves the block at `address` (`arenas.lookup`).
pub(crate) fn owns(address: *const c_void) -> Result<bool, ControlError> {
    const NAME: &std::ffi::CStr = c"arenas.lookup";
    let (mut arena, mut arena_size): (c_uint, usize) = (0, size_of::<c_uint>());
    let mut address = address;
    // SAFETY: the name ends in NUL, both buffers are valid for their stated sizes. jemalloc looks the address up in
    // a tree of its own and never reads through it; an unknown one is EINVAL.
    let code = unsafe {
        tikv_jemalloc_sys::mallctl(
            NAME.as_ptr(),
            (&raw mut arena).cast(),
            &raw mut arena_size,
            (&raw mut address).cast(),
            size_of::<*const c_void>(),
        )
    };
    match code {
        0 => Ok(true),
        libc::EINVAL => Ok(false),
        other => Err(ControlError {
            name: "arenas.lookup".to_owned(),
            reason: std::io::Error::from_raw_os_error(other).to_string(),
        }),
    }
}
