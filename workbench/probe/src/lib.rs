//! What lives inside a measured process: selectable allocator, counters, CPU profiler.
//!
//! The crate knows neither scenarios nor runs. Its allocator and counters allocate nothing; everything else works
//! before or after a measured phase, never within one. The few modules that need `unsafe` say why at each use.

pub mod affinity;
pub mod allocator;
pub mod allocator_timeline;
pub mod console;
pub mod cpu;
#[cfg(feature = "endpoints")]
pub mod endpoints;
pub mod environment;
pub mod glibc;
pub mod heap;
pub mod jemalloc;
pub mod memory_limit;
pub mod mimalloc;
pub mod runtime;
pub mod soundness;
pub mod stalls;
mod sync;
pub mod tasks;
pub mod usage;
