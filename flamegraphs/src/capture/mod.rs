//! Profiles of other processes, taken from outside through the kernel's perf events: any program, nothing of ours inside.
//!
//! A software clock of the kernel interrupts each thread of the subject after so much CPU time of its own; the kernel
//! hands over registers, a piece of the stack and, where it may, its own call chain. Stacks are unwound here, by the
//! unwind tables of the executables, so that the subject runs no code of a profiler.

mod address_space;
pub mod allowed;
mod collector;
mod elf;
mod error;
pub mod goroutines;
mod halted;
pub mod keeping;
mod limits;
mod options;
mod outline;
mod parking;
mod perf;
mod qualified;
mod recorder;
mod recording;
mod resolver;
mod standing;
mod symbolize;
mod symbols;
mod system_calls;
pub mod tasks;
mod waits;

pub use error::CaptureError;
pub use limits::{Coarser, Excess, Limits, TOO_MANY_STACKS};
pub use options::Options;
pub use qualified::source;
pub use recorder::Recorder;
pub use recording::{OnCpu, Recording, Stands, Taken, Thread, WITHOUT_KERNEL, Waiting};
pub use symbolize::symbolized;
pub use system_calls::SystemCalls;
pub use tasks::system_call;
pub use waits::{Wait, Why, waits};
