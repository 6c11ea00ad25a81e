//! The workbench command with jemalloc's own heap profiler compiled in: the child of heap trials by `--heap-backend jemalloc`.
//!
//! Every allocation of such a binary pays for the profiler, even while it rests. So it is a program of its own beside
//! `workbench`, which measures without it.

use std::process::ExitCode;

fn main() -> ExitCode {
    workbench::main(&workbench::Catalog::builtin())
}
