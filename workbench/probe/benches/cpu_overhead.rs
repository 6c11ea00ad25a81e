//! What profiling costs: request-like work unprofiled, under our sampler and under `pprof`, interleaved at random.
//!
//! `cargo bench -p probe --bench cpu_overhead [ROUNDS]` prints the median of the paired ratios of CPU per operation with
//! their quartiles. CPU, not wall time: the machine need not be idle. The sampler's own thread counts; resolving
//! addresses, which comes after the measurement, does not.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::print_stdout, reason = "a bench reports there")]

use std::collections::BTreeMap;
use std::hint::black_box;

use probe::cpu::{Backend, Profiler};
use probe::usage::process_cpu_s;

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

const ROUNDS: usize = 15;
const OPERATIONS: u64 = 60_000;
const MODES: [(&str, Option<(Backend, i32)>); 4] = [
    ("unprofiled", None),
    ("sampler at 999 Hz", Some((Backend::Sampler, 999))),
    ("sampler at 99 Hz", Some((Backend::Sampler, 99))),
    ("pprof at 99 Hz", Some((Backend::Pprof, 99))),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` only wants to see that it starts.
    let rounds = match arguments.iter().any(|argument| argument == "--bench") {
        true => arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS),
        false => 1,
    };
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut ratios = [const { Vec::new() }; MODES.len()];
    operations(OPERATIONS);
    for _ in 0..rounds {
        let mut order = [0, 1, 2, 3];
        for left in (1..order.len()).rev() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            order.swap(left, usize::try_from(random % (left as u64 + 1)).unwrap());
        }
        let mut cpu_s = [0.0; MODES.len()];
        for mode in order {
            cpu_s[mode] = measure(MODES[mode].1);
        }
        for (ratios, cpu_s_of) in ratios.iter_mut().zip(cpu_s) {
            ratios.push(cpu_s_of / cpu_s[0]);
        }
    }
    for ((name, _), mut ratios) in MODES.iter().zip(ratios).skip(1) {
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios[(ratios.len() - 1) * part / 4];
        println!("{name:<18} {:.3} × the CPU   [{:.3}, {:.3}]   {rounds} rounds", at(2), at(1), at(3));
    }
}

/// CPU seconds of the whole process.
fn measure(by: Option<(Backend, i32)>) -> f64 {
    let profiler = by.map(|(backend, hz)| Profiler::start(backend, Some(hz)).unwrap());
    let begin = process_cpu_s().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| operations(OPERATIONS / 2));
        }
    });
    let used = process_cpu_s().unwrap() - begin;
    drop(profiler);
    used
}

/// Parses, sorts, looks up and renders: a few microseconds and some allocations an operation.
fn operations(count: u64) {
    for number in 0..count {
        let query = format!("user={number}&limit=10&sort=name&page={}", number % 7);
        let fields: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let limit: u64 = fields["limit"].parse().unwrap();
        let mut rows: Vec<u64> = (0..4 * limit).map(|row| (row ^ number).wrapping_mul(0x9E37_79B9) % 1000).collect();
        rows.sort_unstable();
        let body: String = rows.iter().take(10).map(|row| format!("{{\"row\":{row}}},")).collect();
        black_box(body);
    }
}
