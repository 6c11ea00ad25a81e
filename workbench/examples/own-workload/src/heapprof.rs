//! `own-workload-heapprof`: the same program with jemalloc's own heap profiler, started by
//! `own-workload run sums --evidence heap --heap-backend jemalloc`.

#[path = "main.rs"]
mod program;

fn main() -> std::process::ExitCode {
    program::main()
}
