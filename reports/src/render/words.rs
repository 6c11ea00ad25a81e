//! What metrics and verdicts are called, and in which order a reader meets them.

use super::number;
use crate::run::{Comparison, Status, TrialKind, Verdict};

/// What a reader is told about a metric.
pub(crate) struct Description {
    /// Name as in `run.json` and in limits.
    pub(crate) name: &'static str,
    /// One sentence.
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
    headline(
        "latency.p50",
        "Half of the measured operations were answered within this time of when they should have started.",
    ),
    detail("latency.p90", "Nine in ten measured operations were answered within this time of their intended start."),
    headline("latency.p99", "99 in 100 measured operations were answered within this time of their intended start."),
    headline(
        "latency.p99_9",
        "999 in 1,000 measured operations were answered within this time of their intended start.",
    ),
    detail("latency.max", "The slowest measured operation."),
    headline("throughput", "Operations answered per second of the open-loop phase."),
    headline("capacity", "Operations per second with every client kept busy."),
    headline("cpu_per_op", "CPU time of the subject per operation while saturated, without the driver's own."),
    headline("error_rate", "Errors, timeouts and unanswered operations as a share of all."),
    headline("rss.max", "Peak resident memory."),
    headline("polls.long_per_kop", "Task polls that ran long without yielding, per thousand operations."),
    headline("polls.blocked_per_kop", "Task polls that blocked their thread, per thousand operations."),
    detail("waits.long_per_kop", "Long waits of tasks, per thousand operations."),
    detail("errors", "Operations answered wrongly or refused."),
    detail("timeouts", "Operations not answered within the timeout."),
    detail("unanswered", "Operations never answered before the drain ended."),
    detail("rss.mean", "Mean resident memory."),
    detail("rss.end", "Resident memory at the end."),
    detail("allocated.max", "Peak of live heap bytes."),
    detail("alloc.bytes_per_op", "Heap bytes allocated per operation."),
    detail("alloc.count_per_op", "Heap allocations per operation."),
    detail("faults.minor_per_op", "Page faults served from memory, per operation."),
    detail("faults.major_per_op", "Page faults served from disk, per operation."),
    detail("ctx_switches.voluntary_per_op", "Times a thread gave up the CPU, per operation."),
    detail("ctx_switches.involuntary_per_op", "Times a thread lost the CPU, per operation."),
    detail("schedule_delay.p99", "99th percentile of the time from wake-up to poll."),
    detail("runqueue.delay", "Time threads were runnable without a CPU."),
    detail("service_time.p50", "Median from the moment of sending instead of the intended start."),
    detail("service_time.p90", "90th percentile from the moment of sending."),
    detail("service_time.p99", "99th percentile from the moment of sending."),
    detail("service_time.p99_9", "99.9th percentile from the moment of sending."),
    detail("service_time.max", "The slowest operation from the moment of sending."),
    detail("driver.lag.p50", "Median of how late the driver handed operations over."),
    detail("driver.lag.p99", "99th percentile of how late the driver handed operations over."),
    detail("driver.cpu", "CPU time of the driver thread."),
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
        TrialKind::Evidence => "evidence",
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
