//! What a runtime does, counted from within. tokio has no getters, so each setting is read off its effect.
//!
//! Each observer is given a builder that differs from a default one in the setting under observation only, runs one
//! worker, and counts events whose order the scheduler fixes: the counts are exact, not timed, except for the idle
//! time of blocking threads. Read against tokio 1.54 (`scheduler/{current_thread/mod,multi_thread/worker}.rs`,
//! `blocking/pool.rs`).

pub(super) mod blocking_threads;
#[cfg(tokio_unstable)]
pub(super) mod driver_handoff;
pub(super) mod event_interval;
pub(super) mod global_queue_interval;
pub(super) mod io_events;
pub(super) mod lifo_slot;
pub(super) mod thread_keep_alive;
pub(super) mod thread_stack_size;
#[cfg(tokio_unstable)]
pub(super) mod unstable;

use std::fmt;

/// Polls after which an interval counts as "at least this": a tenth of a second in an unoptimised build.
pub(super) const MOST_POLLS: u64 = 100_000;

/// Polls that the observation of one interval may take where the interval is short enough to be seen repeatedly.
const BUDGET: u64 = 2 * MOST_POLLS;

/// A number read off a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Observed {
    /// Counted.
    Exactly(u64),
    /// Counting was given up at this number.
    AtLeast(u64),
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(number) => write!(f, "{number}"),
            Self::AtLeast(number) => write!(f, ">={number}"),
        }
    }
}

/// How often an interval of `expected` polls can be observed within [`BUDGET`]: 1 to 5 times.
fn repetitions(expected: u32) -> usize {
    // At most 5, so the cast cannot truncate.
    (BUDGET / u64::from(expected).max(1)).clamp(1, 5) as usize
}

/// Median of the distances between successive marks.
fn median_distance(marks: &[u64]) -> Option<u64> {
    let mut distances: Vec<u64> = marks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    distances.sort_unstable();
    distances.get(distances.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_distance_ignores_a_stray_mark() {
        assert_eq!(median_distance(&[7, 17, 27, 28, 37, 47]), Some(10));
        assert_eq!(median_distance(&[7]), None);
    }

    #[test]
    fn long_intervals_are_observed_once() {
        assert_eq!([1, 61, 50_000, 100_000, 1_000_000].map(repetitions), [5, 5, 4, 2, 1]);
    }
}
