//! A CPU profile as plain data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::backend::Backend;

/// What the profiler saw between start and stop.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CpuProfile {
    /// Who sampled.
    pub backend: Backend,
    /// Why it was not the sampler, where that was asked for.
    pub fell_back: Option<String>,
    /// Why it was not perf from outside, where that was asked for.
    pub perf_refused: Option<String>,
    /// Samples per second of CPU time that were asked for. One sample stands for 1/`hz` seconds of CPU.
    pub hz: i32,
    /// `CLOCK_MONOTONIC` when the profile began, nanoseconds: what `moments` count from; 0 where there are none.
    #[serde(default)]
    pub started_ns: u64,
    /// Seconds between start and stop.
    pub wall_s: f64,
    /// Seconds of CPU that the kernel counted for the whole process meanwhile, unsampled code included, the sampler's
    /// own thread not. Coverage is the sum of `count` ÷ `hz` ÷ this.
    pub kernel_cpu_s: f64,
    /// Seconds of CPU of the sampler's own thread; 0 where it has none.
    pub own_cpu_s: f64,
    /// Times that a thread was interrupted; with overruns, fewer than samples.
    pub signals: u64,
    /// Samples that are known to be lost.
    pub lost: u64,
    /// Samples whose stack ends before the first function of its thread; 0 where the backend does not know.
    pub rootless: u64,
    /// Threads that the kernel gave no timer: their CPU is missing.
    pub unwatched: u64,
    /// Distinct addresses.
    pub locations: Vec<Frame>,
    /// Distinct stacks of distinct thread names.
    pub samples: Vec<Sample>,
    /// Kernel's numbers of the threads of `moments`.
    pub threads: Vec<i32>,
    /// When each signal came, in no order; empty where the backend does not know, ends where there were too many.
    pub moments: Vec<Moment>,
    /// GNU build id of the executable, hex; `None` where it was linked without.
    pub build_id: Option<String>,
    /// Executable mappings of the process at stop, ascending.
    pub mappings: Vec<Mapping>,
}

/// One stack and how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Name of the thread, at most 15 bytes of it.
    pub thread: String,
    /// Leaf first, positions in [`CpuProfile::locations`].
    pub frames: Vec<u32>,
    /// Samples, each 1/[`CpuProfile::hz`] seconds of CPU.
    pub count: u64,
}

/// When a thread was where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u32, u32, u32)", into = "(u64, u32, u32, u32)")]
pub struct Moment {
    /// Since the profile began, nanoseconds.
    pub at_ns: u64,
    /// Position in [`CpuProfile::threads`].
    pub thread: u32,
    /// Position in [`CpuProfile::samples`].
    pub sample: u32,
    /// Samples that this signal stands for.
    pub weight: u32,
}

impl From<(u64, u32, u32, u32)> for Moment {
    fn from((at_ns, thread, sample, weight): (u64, u32, u32, u32)) -> Self {
        Self { at_ns, thread, sample, weight }
    }
}

impl From<Moment> for (u64, u32, u32, u32) {
    fn from(moment: Moment) -> Self {
        (moment.at_ns, moment.thread, moment.sample, moment.weight)
    }
}

impl CpuProfile {
    /// Samples of all stacks.
    pub fn total(&self) -> u64 {
        self.samples.iter().map(|sample| sample.count).sum()
    }

    /// Frames of a sample, leaf first.
    pub fn frames<'a>(&'a self, sample: &'a Sample) -> impl DoubleEndedIterator<Item = &'a Frame> {
        sample.frames.iter().filter_map(|position| self.locations.get(*position as usize))
    }

    /// Seconds of CPU that the samples stand for.
    pub fn sampled_cpu_s(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "samples of one process")]
        let total = self.total() as f64;
        total / f64::from(self.hz.max(1))
    }

    /// One sentence: who sampled, how often it was asked to and how often it did, and what is missing.
    pub fn source(&self) -> String {
        let mut source = format!("{} at {} Hz in the process", self.backend, self.hz);
        #[allow(clippy::cast_precision_loss, reason = "signals of one process")]
        if self.kernel_cpu_s > 0.0 && self.signals > 0 {
            let effective = self.signals as f64 / self.kernel_cpu_s;
            source.push_str(&format!(", {effective:.0} signals a second of CPU"));
        }
        #[allow(clippy::cast_precision_loss, reason = "samples of one process")]
        if self.rootless > 0 {
            let share = 100.0 * self.rootless as f64 / self.total().max(1) as f64;
            source.push_str(&format!("; {share:.1} % of the samples do not reach the root of their thread"));
        }
        for (count, what) in [(self.lost, "samples were lost"), (self.unwatched, "threads could not be watched")] {
            if count > 0 {
                source.push_str(&format!("; {count} {what}"));
            }
        }
        if let Some(warning) = self.backend.warning(self.hz) {
            source.push_str(&format!("; {warning}"));
        }
        if let Some(reason) = &self.perf_refused {
            source.push_str(&format!("; {reason}"));
        }
        if let Some(reason) = &self.fell_back {
            source.push_str(&format!("; the sampler could not be used: {reason}"));
        }
        source
    }
}

/// One machine frame with all functions that the compiler inlined into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Address within the instruction: where the leaf was interrupted; of a caller, the last byte of its call.
    pub address: u64,
    /// Functions at this address, innermost first; empty where no symbol is known.
    pub symbols: Vec<Symbol>,
}

/// A function, and the line of it that this very address belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// Demangled name, without the hash of legacy mangling.
    pub name: String,
    /// Source file as the compiler knew it.
    pub file: Option<PathBuf>,
    /// Line, 1-based.
    pub line: Option<u32>,
}

/// An executable mapping (`/proc/self/maps`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// File, or a name in brackets such as `[vdso]`; empty for anonymous memory.
    pub path: String,
    /// First address.
    pub start: u64,
    /// First address behind it.
    pub end: u64,
    /// Where in the file it begins, bytes.
    pub offset: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_says_who_sampled_and_what_is_missing() {
        let clean = CpuProfile { hz: 999, kernel_cpu_s: 2.0, signals: 496, ..CpuProfile::default() };
        insta::assert_snapshot!(clean.source(), @"sampler at 999 Hz in the process, 248 signals a second of CPU");
        let sample = Sample { thread: String::new(), frames: vec![], count: 2000 };
        let lossy = CpuProfile { samples: vec![sample], rootless: 5, lost: 7, unwatched: 1, ..clean };
        insta::assert_snapshot!(lossy.source(), @"sampler at 999 Hz in the process, 248 signals a second of CPU; 0.2 % of the samples do not reach the root of their thread; 7 samples were lost; 1 threads could not be watched");
        let reason = Some("process_vm_readv is refused here".to_owned());
        let other = CpuProfile { backend: Backend::Pprof, fell_back: reason, hz: 99, ..CpuProfile::default() };
        insta::assert_snapshot!(other.source(), @"pprof at 99 Hz in the process; the sampler could not be used: process_vm_readv is refused here");
        let fast = CpuProfile { fell_back: None, hz: 500, ..other };
        assert!(fast.source().contains("tick"), "{}", fast.source());
    }

    #[test]
    fn moments_are_four_numbers() {
        let moment = Moment { at_ns: 1, thread: 2, sample: 3, weight: 4 };
        assert_eq!(serde_json::to_string(&moment).unwrap(), "[1,2,3,4]");
        assert_eq!(serde_json::from_str::<Moment>("[1,2,3,4]").unwrap(), moment);
    }
}
