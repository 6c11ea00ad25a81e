//! What keeping a memory limit costs, and what recording the allocator costs, in pairs of random order.
//!
//! `cargo bench -p probe --bench memory [PAIRS]` prints, for each, the medians of the paired ratios with their quartiles:
//! time and CPU of the same work, and for limits the mean and the largest resident set. The limits are relative to the
//! largest live set that the work ever holds, on top of what the program takes anyway.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::print_stdout, reason = "a bench reports there")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use probe::allocator_timeline::Recorder;
use probe::memory_limit::{Controller, Limit};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

const PAIRS: usize = 15;
const MIB: u64 = 1 << 20;
const THREADS: u64 = 2;
/// Most that a thread's wave holds.
const WAVE: u64 = 48 * MIB;
const BLOCK: usize = 64 << 10;

/// What is on besides the work, until it is dropped.
enum Extra {
    Recorder(Recorder),
    Limit(Controller),
}

/// Starts an extra; given what the program takes without the work.
type Start = fn(u64) -> Extra;

const EXTRAS: [(&str, Work, Start); 5] = [
    ("recorder at 10 Hz", small_blocks, |_| Extra::Recorder(Recorder::start(10).unwrap())),
    ("recorder at 100 Hz", small_blocks, |_| Extra::Recorder(Recorder::start(100).unwrap())),
    ("limit, never reached", waves, |base| Extra::Limit(Limit::new(base + 8 * THREADS * WAVE).start().unwrap())),
    ("limit at 1.2 × live", waves, |base| Extra::Limit(Limit::new(base + THREADS * WAVE * 6 / 5).start().unwrap())),
    ("limit at 0.6 × live", waves, |base| Extra::Limit(Limit::new(base + THREADS * WAVE * 3 / 5).start().unwrap())),
];

/// Does its share of the work of one thread.
type Work = fn(u64);

/// What the work took.
#[derive(Debug, Clone, Copy)]
struct Took {
    wall_s: f64,
    cpu_s: f64,
    mean: f64,
    most: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` only wants to see that it starts.
    let pairs = match arguments.iter().any(|argument| argument == "--bench") {
        true => arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(PAIRS),
        false => 1,
    };
    let mut order = Order(0x2545_f491_4f6c_dd1d);
    println!("{:<22}{:>24}{:>24}{:>24}{:>24}", "ratio to without", "time", "CPU", "mean memory", "peak memory");
    for (name, work, start) in EXTRAS {
        let mut ratios: [Vec<f64>; 4] = Default::default();
        for _ in 0..pairs {
            let first = order.coin();
            let (one, other) = (measure(first, work, start), measure(!first, work, start));
            let (off, on) = if first { (other, one) } else { (one, other) };
            let quotients = [on.wall_s / off.wall_s, on.cpu_s / off.cpu_s, on.mean / off.mean, on.most / off.most];
            ratios.iter_mut().zip(quotients).for_each(|(ratios, quotient)| ratios.push(quotient));
        }
        let shown = ratios.map(|mut ratios| {
            let [low, middle, high] = quartiles(&mut ratios);
            format!("{middle:.3} [{low:.3}, {high:.3}]")
        });
        println!("{name:<22}{:>24}{:>24}{:>24}{:>24}", shown[0], shown[1], shown[2], shown[3]);
    }
}

fn measure(with: bool, work: Work, start: Start) -> Took {
    // Both of a pair begin with nothing kept.
    probe::jemalloc::purge().unwrap();
    let base = probe::usage::rss_bytes().unwrap();
    let extra = with.then(|| start(base));
    let stop = Arc::new(AtomicBool::new(false));
    let watch = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let (mut sum, mut most, mut looks) = (0.0, 0.0_f64, 0.0);
            while !stop.load(Ordering::Relaxed) {
                let resident = probe::usage::rss_bytes().unwrap().saturating_sub(base) as f64;
                (sum, most, looks) = (sum + resident, most.max(resident), looks + 1.0);
                std::thread::sleep(Duration::from_millis(5));
            }
            (sum / f64::max(looks, 1.0), most)
        }
    });
    let (began, cpu_s) = (Instant::now(), probe::usage::process_cpu_s().unwrap());
    let threads: Vec<_> = (0..THREADS).map(|seed| std::thread::spawn(move || work(seed + 1))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let took = (began.elapsed().as_secs_f64(), probe::usage::process_cpu_s().unwrap() - cpu_s);
    stop.store(true, Ordering::Relaxed);
    let (mean, most) = watch.join().unwrap();
    match extra {
        Some(Extra::Recorder(recorder)) => drop(black_box(recorder.stop())),
        Some(Extra::Limit(controller)) => drop(black_box(controller.stop())),
        None => {}
    }
    Took { wall_s: took.0, cpu_s: took.1, mean: mean.max(1.0), most: most.max(1.0) }
}

/// Waves of touched blocks, up to [`WAVE`], with some computing over each.
fn waves(seed: u64) {
    let mut random = Order(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for _ in 0..60 {
        let blocks = random.next() % (WAVE / BLOCK as u64) + 1;
        let held: Vec<Vec<u8>> = (0..blocks).map(|_| black_box(vec![1_u8; BLOCK])).collect();
        black_box(held.iter().flat_map(|block| block.iter().step_by(512)).map(|byte| u64::from(*byte)).sum::<u64>());
    }
}

/// Many small short-lived blocks among some that live longer.
fn small_blocks(seed: u64) {
    let mut random = Order(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut held: Vec<Vec<u8>> = vec![Vec::new(); 4096];
    for _ in 0..3_000_000 {
        let bits = random.next();
        held[(bits % 4096) as usize] = black_box(Vec::with_capacity((bits >> 40) as usize % 1024 + 16));
    }
}

/// xorshift64.
struct Order(u64);

impl Order {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Which of a pair comes first.
    fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }
}

fn quartiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}
