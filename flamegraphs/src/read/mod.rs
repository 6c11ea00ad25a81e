//! Readers. They take what others wrote: errors are typed, nothing panics.

mod folded;
mod jemalloc;
mod pprof;

pub use folded::{FoldedError, folded};
pub use jemalloc::{JemallocError, JemallocHeap, jemalloc};
pub use pprof::{MAX_BYTES, PprofError, pprof};
