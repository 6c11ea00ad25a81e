//! The workbench command with tokio's instrumentation compiled in: the child of console trials.
//!
//! Every poll, wake and resource operation of such a binary pays for being watched, even while nobody watches. So it is
//! a program of its own beside `workbench`, which starts it where tokio-console is asked for and measures without it.

use std::process::ExitCode;

fn main() -> ExitCode {
    workbench::main(&workbench::Catalog::builtin())
}
