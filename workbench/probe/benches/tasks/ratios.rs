//! Ratios of measurements that lie close together in time, and how sure one may be of their median.

use std::time::Instant;

use tokio::runtime::Runtime;

use crate::works::Work;

/// What an operation took, nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Of the clock on the wall.
    pub(crate) wall: f64,
    /// Of all processors, for this process.
    pub(crate) cpu: f64,
}

/// Warms up, then measures.
pub(crate) fn measure(runtime: &Runtime, operations: u64, work: Work) -> Cost {
    work(runtime, operations / 10);
    let (began, used) = (Instant::now(), cpu_nanoseconds());
    work(runtime, operations);
    let (wall, cpu) = (began.elapsed().as_nanos() as f64, cpu_nanoseconds() - used);
    Cost { wall: wall / operations as f64, cpu: cpu / operations as f64 }
}

fn cpu_nanoseconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec; the clock exists in every Linux process, and the call then cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Median and its interval of confidence of 95 %, from the ranks of a binomial distribution (no assumption on how the
/// values are distributed; David & Nagaraja, *Order Statistics*, 7.1).
pub(crate) fn median(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let (count, mut below, mut chance) = (values.len(), 0, 0.5_f64.powi(values.len() as i32));
    let mut tail = chance;
    // The largest rank whose lower tail stays within 2.5 %; none for fewer than six values: the whole range then.
    while tail <= 0.025 {
        below += 1;
        chance *= (count - below + 1) as f64 / below as f64;
        tail += chance;
    }
    let low = below.saturating_sub(1);
    [values[low], values[count / 2], values[count - 1 - low]]
}

/// Random orders (xorshift64, seeded: a run can be told from the next by its figures, not by its plan).
pub(crate) struct Order(pub(crate) u64);

impl Order {
    /// Shuffles (Fisher–Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            items.swap(last, (self.0 % (last as u64 + 1)) as usize);
        }
    }
}

/// A line of the table: name, cost of the reference or ratios to it.
pub(crate) fn line(name: &str, wall: Vec<f64>, cpu: Vec<f64>) -> String {
    let [wall, cpu] = [wall, cpu].map(|values| {
        let [low, middle, high] = median(values);
        format!("{middle:>6.3} [{low:.3}, {high:.3}]")
    });
    format!("  {name:<36} wall {wall:<24} cpu {cpu}")
}
