//! jemalloc's own heap profiler, in programs built with the feature `jemalloc-profiling`.
//!
//! [`crate::heap`] profiles every allocator; this one only jemalloc, and only where it was compiled in, which costs every
//! allocation whether it runs or not (1.9× the instructions of a tight loop, 1.07× of a mix: design 03 §4). It is here to be
//! compared with, and for those who trust it already.

use std::ffi::{CString, c_char};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;
use std::time::Instant;

use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::{Deserialize, Serialize};

use super::conf::ENV;
use super::control::{ControlError, read, write};

/// Whether jemalloc was built with its profiler.
pub const fn is_available() -> bool {
    cfg!(feature = "jemalloc-profiling")
}

/// Logarithm to base 2 of the mean distance of sampled bytes: 512 KiB, jemalloc's default and ours.
pub const LG_SAMPLE: usize = 19;

/// Options for [`ENV`](super::ENV) that let [`Profiler::start`] work: they are read before `main`. The profiler is there and
/// rests; what is freed stays counted as allocated (`prof_accum`).
pub fn options() -> String {
    format!("prof:true,prof_active:false,prof_accum:true,lg_prof_sample:{LG_SAMPLE}")
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfilingError {
    /// Compiled without.
    #[error("this program was built without jemalloc's profiler: build it with the feature `jemalloc-profiling`")]
    NotBuilt,
    /// An option is not what it has to be.
    #[error(
        "jemalloc runs with `{name}` = {found}: it must be {expected}; set {ENV}={} before the program starts",
        options()
    )]
    Option {
        /// In the `mallctl` namespace.
        name: &'static str,
        /// As read back.
        found: String,
        /// As asked for.
        expected: String,
    },
    /// Another profile is being taken.
    #[error("jemalloc's profiler is running already")]
    Running,
    /// jemalloc refused.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The dump has no place.
    #[error("keeping the dump: {0}")]
    Dump(#[from] std::io::Error),
}

/// A dump with what it does not say itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dump {
    /// `heap_v2`: stacks, counts and the memory map.
    pub text: String,
    /// Seconds between start and stop.
    pub wall_s: f64,
}

/// jemalloc's profiler while it runs.
#[derive(Debug)]
pub struct Profiler {
    began: Instant,
}

impl Profiler {
    /// Reads back that jemalloc profiles as [`options`] say, and lets it begin.
    ///
    /// # Errors
    /// [`ProfilingError`].
    pub fn start() -> Result<Self, ProfilingError> {
        if !is_available() {
            return Err(ProfilingError::NotBuilt);
        }
        must("opt.prof", read::<bool>("opt.prof")?, true)?;
        must("opt.prof_accum", read::<bool>("opt.prof_accum")?, true)?;
        must("prof.lg_sample", read::<usize>("prof.lg_sample")?, LG_SAMPLE)?;
        if read::<bool>("prof.active")? {
            return Err(ProfilingError::Running);
        }
        write("prof.active", true)?;
        must("prof.active", read::<bool>("prof.active")?, true)?;
        Ok(Self { began: Instant::now() })
    }

    /// Stops it and dumps. The text is written to memory: no file of this process is left behind, whatever happens.
    ///
    /// # Errors
    /// [`ProfilingError::Control`], [`ProfilingError::Dump`].
    pub fn stop(self) -> Result<Dump, ProfilingError> {
        write("prof.active", false)?;
        let wall_s = self.began.elapsed().as_secs_f64();
        let mut file = File::from(memfd_create(c"jemalloc-heap", MFdFlags::MFD_CLOEXEC).map_err(std::io::Error::from)?);
        let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(std::io::Error::other)?;
        // jemalloc only reads it, during the call.
        write::<*const c_char>("prof.dump", path.as_ptr())?;
        let mut text = String::new();
        file.rewind()?;
        file.read_to_string(&mut text)?;
        Ok(Dump { text, wall_s })
    }
}

/// An option that was not asked for, or not taken, decides what the profile means.
fn must<T: PartialEq + ToString>(name: &'static str, found: T, expected: T) -> Result<(), ProfilingError> {
    if found == expected {
        return Ok(());
    }
    Err(ProfilingError::Option { name, found: found.to_string(), expected: expected.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_feature_or_the_option_nothing_begins_and_the_reason_is_said() {
        let refused = Profiler::start().unwrap_err().to_string();
        if is_available() {
            // The tests of this crate run without the options.
            assert!(refused.contains("`opt.prof` = false: it must be true"), "{refused}");
        } else {
            assert!(refused.contains("build it with the feature `jemalloc-profiling`"), "{refused}");
        }
    }
}
