//! `machine.json`, and what built the program that measured.

use serde::{Deserialize, Serialize};

/// What built the program that measured.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    /// Crate version.
    pub version: String,
    /// Git commit, `unknown` outside a checkout; `-dirty` appended where the tree had changes.
    pub commit: String,
    /// Commit date, ISO 8601.
    pub date: String,
    /// `release` or `dev`.
    pub profile: String,
    /// Compiler version.
    pub rustc: String,
    /// Flags and cfgs that matter to measurements (`tokio_unstable`, `frame-pointers`, `debug-assertions`, …).
    pub flags: Vec<String>,
    /// Hash of the executable file (hex), empty where it could not be read.
    pub binary: String,
}

/// `machine.json`: where it ran. Runs of different fingerprints are not compared silently.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// Hash over the fields below that identify a kind of host (hex). Never MHz or bogomips.
    pub fingerprint: String,
    /// CPU vendor, family, model, stepping and model string in one line.
    pub cpu: String,
    /// Logical CPUs that this process may use.
    pub cpus: u32,
    /// Threads per physical core.
    pub threads_per_core: u32,
    /// CPU quota in CPUs where a cgroup sets one.
    pub cpu_quota: Option<f64>,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// Operating system and architecture, e.g. `linux x86_64`.
    pub os: String,
    /// Hypervisor flag of the CPU.
    pub virtualised: bool,
    /// Kernel clock source.
    pub clocksource: String,
    /// Kernel tick in Hz where it can be told.
    pub tick_hz: Option<u32>,
    /// Variables of the caller's environment that were kept from every subject, by name.
    #[serde(default)]
    pub kept_from_subjects: Vec<String>,
    /// Configuration of allocators that no environment brought and that every subject reads, with its options.
    #[serde(default)]
    pub hidden_configuration: Vec<String>,
}
