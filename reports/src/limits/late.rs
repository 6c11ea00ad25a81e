//! The latency beyond which a limit calls an operation late.

use super::{Bound, Limit, Side};
use crate::run::Late;

/// Metrics of latency whose limits name one, from the strictest percentile down: an operation beyond the limit of a high one is
/// among the few that it allows.
const METRICS: [&str; 5] = ["latency.max", "latency.p99_9", "latency.p99", "latency.p90", "latency.p50"];

/// The latency that absolute limits call too long: of several, that of the highest percentile, and there the lowest. Limits of
/// one operation do not count: samples belong to all.
pub fn late(limits: &[Limit]) -> Option<Late> {
    let bound = |limit: &Limit| match (limit.side, limit.bound) {
        (Side::Below, Bound::Value(value)) if value > 0.0 => Some(value),
        _ => None,
    };
    METRICS.iter().find_map(|metric| {
        let of_metric = limits.iter().filter(|limit| limit.metric == *metric);
        let bounds = of_metric.filter_map(|limit| Some((bound(limit)?, limit)));
        let (limit_s, limit) = bounds.min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(Late { limit_s, from: format!("`{}` of the scenario's limits", limit.text) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::parse;

    fn told(texts: &[&str]) -> Option<(f64, String)> {
        let limits: Vec<Limit> = texts.iter().map(|text| parse(text).expect("a limit")).collect();
        late(&limits).map(|late| (late.limit_s, late.from))
    }

    #[test]
    fn the_highest_percentile_with_an_absolute_limit_says_what_is_late() {
        let limits = ["latency.p50<10ms", "latency.p99<80ms", "latency.p99<=50ms", "cpu_per_op<+3%"];
        assert_eq!(told(&limits), Some((0.05, "`latency.p99<=50ms` of the scenario's limits".to_owned())));
        assert_eq!(told(&["latency.p99<+10%", "latency.p99[login]<1s", "capacity>100"]), None);
        assert_eq!(told(&["latency.p50<10ms"]).map(|late| late.0), Some(0.01));
    }
}
