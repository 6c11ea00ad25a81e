//! In-process CPU profiles, by the `pprof` crate.

mod build_id;
mod mappings;
mod merging;
mod profile;
mod profiler;
mod symbols;
pub mod unwind;

pub(crate) use self::build_id::build_id;
pub(crate) use self::mappings::executable_mappings;
pub use self::profile::{CpuProfile, Frame, Mapping, Sample, Symbol};
pub use self::profiler::{MOST_HZ, ProfileError, Profiler};
pub(crate) use self::symbols::Symbols;
