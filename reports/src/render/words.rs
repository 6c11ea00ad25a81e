//! What metrics and verdicts are called, and in which order a reader meets them.

use super::number;
use crate::run::{Comparison, Status, TrialKind, Verdict};

/// What a reader is told about a metric.
pub(crate) struct Description {
    /// Name as in `run.json` and in limits.
    pub(crate) name: &'static str,
    /// A few words.
    pub(crate) help: &'static str,
    /// Shown without asking.
    pub(crate) headline: bool,
}

const fn headline(name: &'static str, help: &'static str) -> Description {
    Description { name, help, headline: true }
}

const fn detail(name: &'static str, help: &'static str) -> Description {
    Description { name, help, headline: false }
}

/// Known metrics in reading order: what users feel, what it costs, what went wrong, then the rest.
const METRICS: &[Description] = &[
    headline("latency.p50", "half were answered within this"),
    detail("latency.p90", "9 in 10 were answered within this"),
    headline("latency.p99", "99 in 100 were answered within this"),
    headline("latency.p99_9", "999 in 1,000 were within this"),
    detail("latency.max", "the slowest"),
    headline("throughput", "operations answered per second"),
    headline("capacity", "the same with every client kept busy"),
    headline("cpu_per_op", "CPU time of the subject, saturated"),
    headline("error_rate", "errors, timeouts and unanswered"),
    headline("rss.max", "peak resident memory"),
    headline("polls.long_per_kop", "polls that ran long, per 1,000 operations"),
    headline("polls.blocked_per_kop", "polls that blocked, per 1,000 operations"),
    detail("waits.long_per_kop", "long waits, per 1,000 operations"),
    detail("errors", "answered wrongly or refused"),
    detail("timeouts", "not answered within the timeout"),
    detail("unanswered", "never answered before the drain ended"),
    detail("rss.mean", "mean resident memory"),
    detail("rss.end", "resident memory at the end"),
    detail("allocated.max", "peak of live heap bytes"),
    detail("alloc.bytes_per_op", "heap bytes allocated"),
    detail("alloc.count_per_op", "heap allocations"),
    detail("faults.minor_per_op", "page faults served from memory"),
    detail("faults.major_per_op", "page faults served from disk"),
    detail("ctx_switches.voluntary_per_op", "a thread gave up the CPU"),
    detail("ctx_switches.involuntary_per_op", "a thread lost the CPU"),
    detail("schedule_delay.p99", "from wake-up to poll"),
    detail("runqueue.delay", "runnable without a CPU"),
    detail("service_time.p50", "from sending, not from the intended start"),
    detail("service_time.p90", "from sending"),
    detail("service_time.p99", "from sending"),
    detail("service_time.p99_9", "from sending"),
    detail("service_time.max", "from sending"),
    detail("driver.lag.p50", "how late operations were handed over"),
    detail("driver.lag.p99", "how late operations were handed over"),
    detail("driver.cpu", "CPU time of the driver thread"),
];

/// Description of a metric, where it is a known one.
pub(crate) fn description(metric: &str) -> Option<&'static Description> {
    METRICS.iter().find(|known| known.name == metric)
}

/// Sort key: known metrics in reading order, others after them by name.
pub(crate) fn rank(metric: &str) -> usize {
    METRICS.iter().position(|known| known.name == metric).unwrap_or(METRICS.len())
}

/// A metric's value; shares that the unit alone cannot tell from plain ratios become percentages.
pub(crate) fn metric_value(metric: &str, value: f64, unit: &str) -> String {
    if metric.ends_with("_rate") && unit == "1" { number::percent(value) } else { number::value(value, unit) }
}

/// The word for a verdict.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Improved => "improved",
        Verdict::Regressed => "regressed",
        Verdict::Same => "same",
        Verdict::CannotTell => "cannot tell",
        Verdict::NotComparable => "not comparable",
    }
}

/// Name of a verdict in CSS classes.
pub(crate) fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Improved => "improved",
        Verdict::Regressed => "regressed",
        Verdict::Same => "same",
        Verdict::CannotTell => "unknown",
        Verdict::NotComparable => "void",
    }
}

/// The word for how a run ended.
pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Complete => "complete",
        Status::Interrupted => "interrupted",
        Status::Failed => "failed",
    }
}

/// The word for what a trial was for.
pub(crate) fn kind(kind: TrialKind) -> &'static str {
    match kind {
        TrialKind::Measure => "measured",
        TrialKind::Evidence(_) => "evidence",
    }
}

/// What stands behind the verdict, raw text: `could have seen ±4 %, 40 pairs needed`. Empty where nothing is to be said.
pub(crate) fn note(comparison: &Comparison) -> String {
    if let Some(why) = comparison.why.as_deref().filter(|why| !why.is_empty()) {
        return why.to_owned();
    }
    let mut parts = Vec::new();
    match comparison.verdict {
        Verdict::Improved | Verdict::Regressed | Verdict::NotComparable => {}
        Verdict::Same => parts.extend(comparison.margin.map(|margin| format!("within ±{}", number::percent(margin)))),
        Verdict::CannotTell => {
            parts.extend(comparison.detectable.map(|seen| format!("could have seen ±{}", number::percent(seen))));
            parts.extend(
                comparison.pairs_needed.map(|needed| format!("needs {} pairs", number::count(f64::from(needed)))),
            );
        }
    }
    parts.join(", ")
}

/// `1 trial`, `2 trials`.
pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number::count(count as f64), if count == 1 { one } else { many })
}
