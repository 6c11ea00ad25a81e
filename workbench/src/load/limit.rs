//! When a driver was too slow to be believed.

use std::time::Duration;

use super::outcome::PhaseOutcome;

/// Part of the operations that must have been sent.
const SENT: f64 = 0.995;
/// Part of the median latency that the 99th percentile of lag may reach.
const OF_MEDIAN: f64 = 0.10;

/// The lag that a phase may show at its 99th percentile: `max_lag_p99`, or 10 % of the median latency of the measured
/// operations where that is more (design 02 §2.4).
pub(super) fn lag_limit(phase: &PhaseOutcome, max_lag_p99: Duration) -> Duration {
    let median = Duration::from_nanos(phase.measured_latency().value_at_quantile(0.5));
    max_lag_p99.max(median.mul_f64(OF_MEDIAN))
}

/// Why the latencies of a phase are void, or `None` where the driver kept up.
pub fn driver_limited(phase: &PhaseOutcome, max_lag_p99: Duration) -> Option<String> {
    let driver = &phase.driver;
    let limit = lag_limit(phase, max_lag_p99);
    let lag = Duration::from_nanos(driver.lag.value_at_quantile(0.99));
    if lag > limit {
        return Some(format!("the driver was {lag:.0?} late at its 99th percentile, {limit:.0?} is allowed"));
    }
    #[allow(clippy::cast_precision_loss, reason = "operation counts are far below 2^52")]
    let (sent, asked) = (driver.sent as f64, driver.asked as f64);
    (sent < SENT * asked)
        .then(|| format!("the driver sent {} of {} operations, 99.5 % are needed", driver.sent, driver.asked))
}
