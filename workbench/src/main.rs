//! The `workbench` command over the built-in catalogue.

use std::process::ExitCode;

fn main() -> ExitCode {
    workbench::main(&workbench::Catalog::builtin())
}
