//! In-process CPU profiles: by our own sampler, or by the `pprof` crate.

mod backend;
mod build_id;
mod claim;
mod mappings;
mod merging;
mod pprof_guard;
mod profile;
mod profiler;
mod sampler;
mod symbols;
pub mod unwind;

pub use self::backend::Backend;
pub(crate) use self::build_id::build_id;
pub(crate) use self::mappings::executable_mappings;
pub use self::profile::{CpuProfile, Frame, Mapping, Moment, Sample, Symbol};
pub use self::profiler::{ProfileError, Profiler};
pub(crate) use self::symbols::Symbols;
