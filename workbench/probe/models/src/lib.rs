//! The probe's lock-free tables with loom's atomics in place of the real ones: the very sources of `probe`, small.
//!
//! Each model is one scene that [`loom`] plays in every interleaving and with every value that a relaxed load may give,
//! up to a bound of preemptions. Not modelled: fences between atomics and plain memory of the allocators, and anything
//! with a thread local or a system call (see `probe::soundness`).

pub mod heap;
mod sync;
pub mod tasks;
