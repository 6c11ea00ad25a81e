//! Readers. They take what others wrote: errors are typed, nothing panics.

mod folded;
mod pprof;

pub use folded::{FoldedError, folded};
pub use pprof::{MAX_BYTES, PprofError, pprof};
