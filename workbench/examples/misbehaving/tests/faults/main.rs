//! What a run makes of subjects that misbehave, with the real program.

#[path = "../../../../tests/command/program.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod program;

mod each_fault;
mod gates;
mod interruption;
mod outsider;
mod processes;
mod silence;
