//! Drives a workload of the same process, from a thread outside its runtime.
//!
//! The open loop hands operations to a dispatcher task through a bounded channel: spawning from a foreign thread
//! collapses at high rates, and a driver that is itself a task is late by the runtime's timers (design 02 §2b). The
//! closed loop is made of tasks on the runtime that call the workload one operation after the other; what they need
//! for that, about a tenth of a microsecond, is the same for every variant.
//!
//! An operation that is still running when the open loop gives it up is left running, as in a service whose client
//! went away; those of a closed loop are aborted. A panic ends the phase with [`super::LoadError::Panicked`].

mod clients;
mod closed;
mod open;
mod panics;
mod perform;
#[cfg(test)]
mod tests;

pub use self::closed::{drive_closed, drive_closed_metered};
pub use self::open::drive_open;
