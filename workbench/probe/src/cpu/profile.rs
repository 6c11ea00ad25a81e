//! A CPU profile as plain data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the profiler saw between start and stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CpuProfile {
    /// Samples per second of process CPU time that were asked for. One sample stands for 1/`hz` seconds of CPU.
    pub hz: i32,
    /// Seconds between start and stop.
    pub wall_s: f64,
    /// Seconds of CPU that the kernel counted for the whole process meanwhile, unsampled code included. Coverage is
    /// the sum of `count` ÷ `hz` ÷ this.
    pub kernel_cpu_s: f64,
    /// Distinct stacks of distinct threads.
    pub samples: Vec<Sample>,
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
    /// Leaf first.
    pub frames: Vec<Frame>,
    /// Samples.
    pub count: u64,
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
