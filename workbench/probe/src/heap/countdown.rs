//! Each thread's countdown to its next sampled byte.
//!
//! Distances are exponential, so what remains is exponential at any moment, and a thread may be armed anew whenever a
//! profile starts.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One thread's.
struct Countdown {
    /// Bytes until the next sampled one.
    left: Cell<u64>,
    /// Profile that `left` belongs to.
    generation: Cell<u32>,
    /// Set while this thread takes a sample: what that allocates is not sampled.
    busy: Cell<bool>,
    /// State of the random numbers; zero before the first.
    random: Cell<u64>,
}

thread_local! {
    // No destructor: std says nothing reliable about thread locals with one inside an allocator.
    static COUNTDOWN: Countdown = const {
        Countdown { left: Cell::new(0), generation: Cell::new(0), busy: Cell::new(false), random: Cell::new(0) }
    };
}

/// Sets threads apart: addresses of thread locals are used again.
static THREADS: AtomicU64 = AtomicU64::new(0);

/// Counts `size` bytes down; true where the sampled byte is among them. The thread is then busy until [`done`].
#[inline]
pub(super) fn hits(size: usize, generation: u32, rate: u64) -> bool {
    COUNTDOWN.with(|own| {
        if own.generation.get() != generation {
            own.generation.set(generation);
            own.left.set(own.distance(rate));
        }
        let (left, size) = (own.left.get(), size as u64);
        if size <= left {
            own.left.set(left - size);
            return false;
        }
        own.left.set(own.distance(rate));
        !own.busy.replace(true)
    })
}

/// The sample is taken.
pub(super) fn done() {
    COUNTDOWN.with(|own| own.busy.set(false));
}

impl Countdown {
    /// Bytes before the next sampled one: exponential with mean `rate`, rounded down.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "rounding")]
    fn distance(&self, rate: u64) -> u64 {
        // In (0, 1], so that the logarithm is finite.
        let uniform = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        (-uniform.ln() * rate as f64) as u64
    }

    /// splitmix64.
    fn next(&self) -> u64 {
        let mut state = self.random.get();
        if state == 0 {
            let thread = THREADS.fetch_add(1, Relaxed) + 1;
            state =
                thread.wrapping_mul(0xD1B5_4A32_D192_ED03) ^ (std::ptr::from_ref(self).addr() as u64).rotate_left(32);
        }
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.random.set(state);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_as_many_as_the_rate_says() {
        const BLOCKS: u32 = 200_000;
        let rate = 1000_u64;
        let mut hit = 0_u32;
        for _ in 0..BLOCKS {
            if hits(100, 7, rate) {
                done();
                hit += 1;
            }
        }
        let chance = -(-0.1_f64).exp_m1();
        let expected = f64::from(BLOCKS) * chance;
        let deviation = (expected * (1.0 - chance)).sqrt();
        assert!((f64::from(hit) - expected).abs() < 6.0 * deviation, "{hit} of {expected}±{deviation}");
    }

    #[test]
    fn a_busy_thread_takes_no_second_sample() {
        assert!((0..1000).any(|_| hits(1 << 20, 9, 1)));
        assert!(!(0..1000).any(|_| hits(1 << 20, 9, 1)));
        done();
        assert!(hits(1 << 20, 9, 1));
        done();
    }
}
