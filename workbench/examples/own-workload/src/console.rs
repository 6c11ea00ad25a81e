//! `own-workload-console`: the same program with tokio's instrumentation, started by `own-workload console sums`.

#[path = "main.rs"]
mod program;

fn main() -> std::process::ExitCode {
    program::main()
}
