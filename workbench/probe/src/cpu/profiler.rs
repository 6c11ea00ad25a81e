//! Start and stop of the `pprof` crate's sampler.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Instant;

use pprof::{ProfilerGuard, ProfilerGuardBuilder};

use super::build_id::build_id;
use super::mappings::executable_mappings;
use super::merging::keep_addresses_apart;
use super::profile::{CpuProfile, Sample};
use super::symbols::Symbols;
use crate::usage::process_cpu_s;

/// Highest sampling rate, per second of CPU.
pub const MOST_HZ: i32 = 99;

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A rate that signals cannot keep.
    #[error(
        "{hz} Hz is not between 1 and {MOST_HZ}: profiling signals expire on the kernel's tick (often 250 a second), \
         and a faster profile loses most of its samples without a word"
    )]
    Rate {
        /// Rate asked for.
        hz: i32,
    },
    /// One profile at a time for the whole process.
    #[error("a CPU profile is already running in this process")]
    AlreadyRunning,
    /// The sampler failed.
    #[error("the profiler failed: {0}")]
    Sampler(pprof::Error),
    /// The kernel's own count or `/proc` is not readable.
    #[error("the process cannot look at itself: {0}")]
    Io(#[from] io::Error),
}

/// A running profile; dropping it ends it without a result.
///
/// Signals interrupt the program at each 1/`hz` s of its CPU time and unwind its stack. Known limits of the `pprof`
/// crate: its tables and the debug information take 140–220 MB of resident memory, stacks beyond 128 frames lose their roots, and a signal that meets a
/// thread which is itself unwinding a panic may end the process: profile evidence trials only, and take a dead child
/// for missing evidence.
pub struct Profiler {
    hz: i32,
    started: Instant,
    cpu_at_start_s: f64,
    guard: ProfilerGuard<'static>,
}

impl fmt::Debug for Profiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profiler").field("hz", &self.hz).field("started", &self.started).finish_non_exhaustive()
    }
}

impl Profiler {
    /// Begins to sample every thread of this process, `hz` times per second of CPU time.
    ///
    /// # Errors
    /// A rate beyond [`MOST_HZ`], another profile that is running, or a refusal of the operating system.
    pub fn start(hz: i32) -> Result<Self, ProfileError> {
        if !(1..=MOST_HZ).contains(&hz) {
            return Err(ProfileError::Rate { hz });
        }
        let guard = ProfilerGuardBuilder::default().frequency(hz).build().map_err(|error| match error {
            pprof::Error::Running => ProfileError::AlreadyRunning,
            other => ProfileError::Sampler(other),
        })?;
        keep_addresses_apart(true);
        Ok(Self { hz, started: Instant::now(), cpu_at_start_s: process_cpu_s()?, guard })
    }

    /// Ends the profile and resolves its addresses, which takes a while and is not part of it.
    ///
    /// # Errors
    /// The sampler failed, or the process cannot look at itself.
    pub fn stop(self) -> Result<CpuProfile, ProfileError> {
        let wall_s = self.started.elapsed().as_secs_f64();
        let kernel_cpu_s = process_cpu_s()? - self.cpu_at_start_s;
        let report = self.guard.report().build_unresolved().map_err(ProfileError::Sampler)?;
        let hz = self.hz;
        drop(self);
        let mut counts: BTreeMap<(String, Vec<u64>), u64> = BTreeMap::new();
        for (stack, count) in &report.data {
            let name = &stack.thread_name[..stack.thread_name_length];
            let addresses = stack.frames.iter().map(|frame| frame.ip() as u64).collect();
            let key = (String::from_utf8_lossy(name).into_owned(), addresses);
            *counts.entry(key).or_default() += count.unsigned_abs() as u64;
        }
        let mut symbols = Symbols::default();
        let samples = counts
            .into_iter()
            .map(|((thread, addresses), count)| Sample { thread, frames: symbols.frames(&addresses), count })
            .filter(|sample| !sample.frames.is_empty())
            .collect();
        Ok(CpuProfile { hz, wall_s, kernel_cpu_s, samples, build_id: build_id(), mappings: executable_mappings()? })
    }
}

impl Drop for Profiler {
    fn drop(&mut self) {
        // The guard goes after this: a last signal may still merge by function, which loses a line, not a sample.
        keep_addresses_apart(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_signals_cannot_keep_are_refused_with_the_reason() {
        for hz in [-1, 0, 100, 999] {
            assert!(matches!(Profiler::start(hz), Err(ProfileError::Rate { hz: refused }) if refused == hz));
        }
        insta::assert_snapshot!(ProfileError::Rate { hz: 999 }.to_string(), @"999 Hz is not between 1 and 99: profiling signals expire on the kernel's tick (often 250 a second), and a faster profile loses most of its samples without a word");
    }
}
