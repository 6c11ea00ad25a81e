//! The one table of metric names: units, direction, and what change is worth a verdict.

mod format;
mod table;

pub use format::format_value;
pub use table::METRICS;

/// Which direction of change is an improvement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Describes; neither direction is a verdict.
    Neither,
}

/// What is known about a metric name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Name as it stands in JSON, limits and reports.
    pub name: &'static str,
    /// The same in a few words for people: `p99 latency`.
    pub words: &'static str,
    /// SI unit of its values: `s`, `s/op`, `B`, `B/op`, `ops/s`, `ops`, `1`, `1/op`, `1/kop`.
    pub unit: &'static str,
    /// Direction of improvement.
    pub better: Better,
    /// Smallest relative change worth acting on (0.03 is 3 %); also the margin of `same`.
    pub minimum_effect: f64,
    /// True where the value depends on when operations were sent: void in a trial whose driver could not keep up.
    pub latency: bool,
    /// Quantile behind a latency metric, where it needs operations beyond it (0.99 for `latency.p99`).
    pub quantile: Option<f64>,
    /// True where every comparison includes it without being asked.
    pub compared: bool,
    /// One line for people.
    pub about: &'static str,
}

/// The entry for `name`; `latency.p99[login]` resolves to `latency.p99`. `None` for an unknown name.
pub fn lookup(name: &str) -> Option<&'static Metric> {
    let (base, operation) = split(name);
    METRICS.iter().find(|metric| metric.name == base && (operation.is_none() || metric.takes_operation()))
}

/// Splits `latency.p99[login]` into `latency.p99` and `login`; any other name comes back whole.
pub fn split(name: &str) -> (&str, Option<&str>) {
    match name.strip_suffix(']').and_then(|head| head.split_once('[')) {
        Some((base, operation)) if !base.is_empty() && !operation.is_empty() => (base, Some(operation)),
        _ => (name, None),
    }
}

/// A metric in words, `p99 latency of login` for `latency.p99[login]`; an unknown name as it is.
pub fn words(name: &str) -> String {
    match (lookup(name), split(name).1) {
        (Some(metric), Some(operation)) => format!("{} of {operation}", metric.words),
        (Some(metric), None) => metric.words.to_owned(),
        (None, _) => name.to_owned(),
    }
}

/// The known name nearest to a mistyped one, for an error message; keeps the `[operation]` out of the distance.
pub fn nearest(name: &str) -> Option<&'static str> {
    let (base, _) = split(name);
    let base = base.to_lowercase();
    METRICS
        .iter()
        .map(|metric| (strsim::jaro_winkler(&base, metric.name), metric.name))
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

impl Metric {
    /// True where the name may carry an operation: `latency.p99[login]`.
    pub fn takes_operation(&self) -> bool {
        self.name.starts_with("latency.") || self.name.starts_with("service_time.")
    }

    /// Operations that one trial must measure, so that 20 lie beyond the quantile (2,000 for p99); 0 without a quantile.
    pub fn operations_needed(&self) -> u64 {
        match self.quantile {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a quantile below 1 of a table")]
            Some(quantile) => (BEYOND / (1.0 - quantile)).round() as u64,
            None => 0,
        }
    }

    /// Whether `operations` are enough for this metric in one trial.
    ///
    /// Rounds the number beyond the quantile, so that one error among exactly 2,000 operations does not void a p99.
    pub fn enough(&self, operations: u64) -> bool {
        match self.quantile {
            #[allow(clippy::cast_precision_loss, reason = "operation counts are far below 2^52")]
            Some(quantile) => (operations as f64 * (1.0 - quantile)).round() >= BEYOND,
            None => true,
        }
    }
}

/// Operations that must lie beyond a quantile in every trial (design 01, "Enough data").
const BEYOND: f64 = 20.0;

#[cfg(test)]
mod tests;
