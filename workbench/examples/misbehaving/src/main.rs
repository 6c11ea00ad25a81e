//! Workloads that go wrong on purpose: `cargo run -p misbehaving -- run calls --set workload.fault=panic`.
//!
//! Every fault is a value of `workload.fault`; `none` behaves. The tests of this crate hold what a run makes of each.

#![allow(clippy::print_stderr, reason = "last words on standard error are part of what is tested")]

mod calls;
mod deeds;
mod server;

use std::process::ExitCode;

use workbench::Catalog;

fn main() -> ExitCode {
    let catalog = Catalog::empty().in_process("calls", include_str!("../calls.toml"), calls::build).networked(
        "server",
        include_str!("../server.toml"),
        server::build,
    );
    workbench::main(&catalog)
}
