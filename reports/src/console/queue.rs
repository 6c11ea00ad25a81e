//! How the queue in front of a resource behaved. A long queue alone is no fault: before a limiter it is what the limiter is
//! for. What counts is whether it moves, whether it grows, and what its holders do meanwhile.

use std::collections::BTreeSet;

use serde::Serialize;

use super::sites::seconds;
use super::state::State;
use crate::run::console::OpStats;

/// Seconds of waiting from which growth can be told.
const LEAST_S: f64 = 1.0;

/// The queue in front of one resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Queue {
    /// Time in which at least one task waited, seconds.
    pub covered_s: f64,
    /// Tasks that waited, on average over the first third of the time since the first wait began.
    pub early: f64,
    /// The same over the last third.
    pub late: f64,
    /// Since the last wait ended, by being served or given up; since the begin where none did, seconds.
    pub still_s: f64,
    /// Time that those who asked for it were polled, in all, seconds: no holder can have run for longer.
    pub busy_s: f64,
}

impl Queue {
    /// More comes than goes: the queue at the end is more than twice that at the begin.
    pub fn grows(&self) -> bool {
        self.late > 2.0 * self.early + 1.0
    }

    /// Least part of the covered time in which no holder was being polled.
    pub fn held_idle(&self) -> f64 {
        if self.covered_s > 0.0 { (1.0 - self.busy_s / self.covered_s).max(0.0) } else { 0.0 }
    }
}

/// Waits on one resource while they are being added up.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// From and to, nanoseconds on the clock of the process; those that go on end now.
    spans: Vec<(i64, i64)>,
    /// End of the last one that has ended.
    ended: i64,
    tasks: BTreeSet<u64>,
}

impl Waits {
    pub(super) fn add(&mut self, stats: &OpStats, now_ns: i64) {
        let Some(from) = stats.created else { return };
        self.spans.push((from, stats.dropped.unwrap_or(now_ns).max(from)));
        self.ended = self.ended.max(stats.dropped.unwrap_or(0));
        self.tasks.extend(stats.task);
    }

    /// Summed over waits, seconds.
    pub(super) fn waited_s(&self) -> f64 {
        self.spans.iter().map(|(from, to)| seconds(to - from)).sum()
    }

    pub(super) fn queue(mut self, state: &State<'_>) -> Queue {
        self.spans.sort_unstable();
        let begin = self.spans.first().map_or(state.now_ns, |span| span.0);
        let third = (state.now_ns - begin) / 3;
        let mean = |from: i64, to: i64| {
            let within: i64 = self.spans.iter().map(|span| (span.1.min(to) - span.0.max(from)).max(0)).sum();
            within as f64 / (to - from).max(1) as f64
        };
        let (early, late) = if seconds(third) * 3.0 < LEAST_S {
            (0.0, 0.0)
        } else {
            (mean(begin, begin + third), mean(state.now_ns - third, state.now_ns))
        };
        let busy_ns: u64 =
            self.tasks.iter().filter_map(|id| state.tasks.get(id)?.stats?.poll?.busy).fold(0, u64::saturating_add);
        let still_s = seconds(state.now_ns - self.ended.max(begin));
        Queue { covered_s: covered_s(&self.spans), early, late, still_s, busy_s: busy_ns as f64 / 1e9 }
    }
}

/// Length of the union of sorted spans.
fn covered_s(spans: &[(i64, i64)]) -> f64 {
    let mut reached = i64::MIN;
    let mut covered = 0;
    for &(from, to) in spans {
        covered += (to - from.max(reached)).max(0);
        reached = reached.max(to);
    }
    seconds(covered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_covered_once() {
        const S: i64 = 1_000_000_000;
        assert!((covered_s(&[(0, 2 * S), (S, 3 * S), (S, 2 * S), (5 * S, 6 * S)]) - 4.0).abs() < 1e-9);
        assert!(covered_s(&[]).abs() < 1e-9);
    }

    #[test]
    fn a_steady_queue_does_not_grow_however_long_it_is() {
        let queue = |early, late| Queue { early, late, ..Queue::default() };
        assert!(!queue(900.0, 950.0).grows() && !queue(0.2, 1.1).grows() && !queue(40.0, 0.0).grows());
        assert!(queue(3.0, 40.0).grows());
    }

    #[test]
    fn holders_cannot_run_longer_than_their_tasks_were_polled() {
        let held = |covered_s, busy_s| Queue { covered_s, busy_s, ..Queue::default() }.held_idle();
        assert!((held(9.0, 0.9) - 0.9).abs() < 1e-9);
        assert!(held(9.0, 20.0).abs() < 1e-9 && held(0.0, 0.0).abs() < 1e-9);
    }
}
