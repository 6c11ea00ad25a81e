//! How a recording is made.

use super::limits::Limits;

/// Bytes of stack with each sample of CPU where buffers may be large: libraries that compile or parse keep 10 to 20 KiB on it,
/// and the program stands beyond. 32 MB/s of one busy CPU at 999 Hz.
///
/// More of it costs the subject nothing that could be measured, and less loses the root: four tokio services at 999 Hz, windows
/// of 1.5 s with 0, 8, 16 and 32 KiB by turns, eight rounds. CPU per operation 32 ÷ 8 KiB 0.99 to 1.01 (interquartile ranges
/// within 0.98 to 1.07), 32 ÷ 16 KiB 1.00 to 1.05, against 1.05 to 1.13 of any of them ÷ none. Of a service that compiles
/// regular expressions 80 % of the stacks did not reach their thread's start with 16 KiB, 0.3 % with 32.
const DEEP_STACK_BYTES: u32 = 32 * 1024;

/// How to sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Samples for each second of CPU of a thread. Not a divisor of the kernel's tick, so that nothing beats with it.
    pub hz: u32,
    /// Bytes of stack that are copied with each sample, rounded to multiples of 8, below 64 KiB. Frames beyond come
    /// from the kernel's chain of frame pointers, where there is one.
    pub stack_bytes: u32,
    /// Also record who is on a CPU when.
    pub switches: bool,
    /// Also record where threads are when they leave their CPU. Every such departure then costs a walk of the stack:
    /// not for subjects with hundreds of thousands of them a second. Needs the kernel's side, which root and CAP_PERFMON
    /// may see; without it nothing is recorded.
    pub departures: bool,
    /// Also look, at the end, where those threads stand that have not left a CPU since the beginning: each that the kernel lets go
    /// on by itself afterwards is halted for some microseconds (ptrace(2)), the others only read.
    pub standing: bool,
    /// Record from the next `exec` of the launched process on, instead of from [`Recorder::start`] on.
    pub from_exec: bool,
    /// What is kept at most.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hz: 999,
            stack_bytes: DEEP_STACK_BYTES,
            switches: true,
            departures: false,
            standing: false,
            from_exec: false,
            limits: Limits::default(),
        }
    }
}
