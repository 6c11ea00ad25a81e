//! jemalloc's own profiler, in a process of its own: its options are read before `main`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::hint::black_box;
use std::process::Command;

use probe::jemalloc::ENV;
use probe::jemalloc::profiling::{LG_SAMPLE, Profiler, options};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

#[test]
fn what_is_allocated_while_it_runs_is_dumped() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "in_child_a_dump_is_printed", "--ignored", "--nocapture", "--test-threads=1"])
        .env_remove(probe::allocator::ENV)
        .env(ENV, options())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (_, dump) = said.split_once("dump begin\n").unwrap_or_else(|| panic!("{said}"));
    let (dump, _) = dump.split_once("dump end\n").unwrap();
    let (live, ever) = blocks(dump);
    // One block of 8 MiB that lives, and 64 of 1 MiB that do not: each byte is taken with chance 1 / 512 KiB.
    // That none of the 64 is taken happens once in e^128.
    assert!(live >= 1 && ever > live, "{live} of {ever}\n{dump}");
    assert!(dump.starts_with(&format!("heap_v2/{}\n", 1 << LG_SAMPLE)), "{dump}");
    assert!(dump.contains("MAPPED_LIBRARIES:\n"), "{dump}");
}

/// Blocks live and blocks ever, of the totals' line.
fn blocks(dump: &str) -> (u64, u64) {
    let totals = dump.lines().nth(1).unwrap().trim().strip_prefix("t*: ").unwrap();
    let (live, rest) = totals.split_once(": ").unwrap();
    let (_, ever) = rest.split_once('[').unwrap();
    (live.parse().unwrap(), ever.split_once(':').unwrap().0.parse().unwrap())
}

#[test]
#[ignore = "runs in a child of its own"]
fn in_child_a_dump_is_printed() {
    let profiler = Profiler::start().unwrap();
    assert!(Profiler::start().unwrap_err().to_string().contains("running already"));
    let kept = keep();
    churn();
    let dump = profiler.stop().unwrap();
    println!("dump begin\n{}dump end", dump.text);
    assert!(dump.wall_s >= 0.0 && !kept.is_empty());
    Profiler::start().unwrap().stop().unwrap();
}

#[inline(never)]
fn keep() -> Vec<u8> {
    black_box(vec![1; 8 << 20])
}

#[inline(never)]
fn churn() {
    for _ in 0..64 {
        black_box(vec![1_u8; 1 << 20]);
    }
}
