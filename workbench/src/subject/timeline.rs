//! Joins what the driver saw over time with the memory that the subject used meanwhile.

use reports::run::TimelinePoint;

use crate::child::protocol::MemorySample;
use crate::load::PhaseOutcome;

/// The points of the open loop, each with the largest resident set sampled within it.
pub(super) fn with_memory(open: &PhaseOutcome, memory: &[MemorySample]) -> Vec<TimelinePoint> {
    let mut points = open.timeline.clone();
    let ends: Vec<f64> = points.iter().skip(1).map(|p| p.at_s).chain([open.elapsed_s.max(f64::MIN_POSITIVE)]).collect();
    for (point, end) in points.iter_mut().zip(ends) {
        point.rss_bytes = memory
            .iter()
            .filter(|sample| {
                #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one trial")]
                let at_s = sample.at_ns.saturating_sub(open.started_ns) as f64 * 1e-9;
                sample.at_ns >= open.started_ns && at_s >= point.at_s && at_s < end
            })
            .map(|sample| sample.rss_bytes)
            .max();
    }
    points
}
