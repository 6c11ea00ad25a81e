//! Start and stop of the `pprof` crate's sampler.

use std::collections::BTreeMap;
use std::fmt;

use pprof::{ProfilerGuard, ProfilerGuardBuilder};

use super::merging::keep_addresses_apart;

/// A running sampler of the `pprof` crate; dropping it ends it without a result.
///
/// Signals interrupt the program at each 1/`hz` s of its CPU time and unwind its stack right there. Known limits: its
/// tables and the debug information take 140–220 MB of resident memory, stacks beyond 128 frames lose their roots, and
/// a signal that meets a thread which is itself unwinding a panic may end the process.
pub(super) struct PprofSampler {
    guard: ProfilerGuard<'static>,
}

impl fmt::Debug for PprofSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PprofSampler").finish_non_exhaustive()
    }
}

/// Samples by thread name and return addresses, leaf first, the handler's own frames included.
pub(super) type Counts = BTreeMap<(String, Vec<u64>), u64>;

impl PprofSampler {
    /// # Errors
    /// The crate's own: another guard lives, or the operating system refused.
    pub(super) fn start(hz: i32) -> Result<Self, pprof::Error> {
        let guard = ProfilerGuardBuilder::default().frequency(hz).build()?;
        keep_addresses_apart(true);
        Ok(Self { guard })
    }

    /// # Errors
    /// The crate's own.
    pub(super) fn stop(self) -> Result<Counts, pprof::Error> {
        let report = self.guard.report().build_unresolved()?;
        drop(self);
        let mut counts = Counts::new();
        for (stack, count) in &report.data {
            let name = &stack.thread_name[..stack.thread_name_length];
            let addresses = stack.frames.iter().map(|frame| frame.ip() as u64).collect();
            let key = (String::from_utf8_lossy(name).into_owned(), addresses);
            *counts.entry(key).or_default() += count.unsigned_abs() as u64;
        }
        Ok(counts)
    }
}

impl Drop for PprofSampler {
    fn drop(&mut self) {
        // The guard goes after this: a last signal may still merge by function, which loses a line, not a sample.
        keep_addresses_apart(false);
    }
}
