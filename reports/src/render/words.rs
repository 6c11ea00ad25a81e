//! What verdicts are called, what helps to read a metric, and in which order a reader meets them.

use super::number;
use crate::metric;
use crate::run::{Comparison, HeapPeak, Status, TrialKind, Verdict};

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

const fn also(name: &'static str, help: &'static str) -> Description {
    Description { name, help, headline: false }
}

/// Known metrics in reading order: what users feel, what it costs, what went wrong, then the rest.
const METRICS: &[Description] = &[
    headline("latency.p50", "half were answered within this"),
    also("latency.p90", "9 in 10 were answered within this"),
    headline("latency.p99", "99 in 100 were answered within this"),
    headline("latency.p99_9", "999 in 1,000 were within this"),
    also("latency.max", "the slowest"),
    headline("throughput", "operations answered per second"),
    headline("capacity", "per second, with every client kept busy"),
    headline("cpu_per_op", "CPU time of the subject, saturated"),
    headline("error_rate", "errors, timeouts and unanswered"),
    headline("rss.max", "peak resident memory"),
    headline("polls.long_per_kop", "polls that ran long, per 1,000 operations"),
    headline("polls.blocked_per_kop", "polls that blocked, per 1,000 operations"),
    also("waits.long_per_kop", "long waits, per 1,000 operations"),
    also("errors", "answered wrongly or refused"),
    also("timeouts", "not answered within the timeout"),
    also("unanswered", "never answered before the drain ended"),
    also("rss.mean", "mean resident memory"),
    also("rss.end", "resident memory at the end"),
    also("allocated.max", "peak of live heap bytes"),
    also("alloc.bytes_per_op", "heap bytes allocated"),
    also("alloc.count_per_op", "heap allocations"),
    also("faults.minor_per_op", "page faults served from memory"),
    also("faults.major_per_op", "page faults served from disk"),
    also("ctx_switches.voluntary_per_op", "a thread gave up the CPU"),
    also("ctx_switches.involuntary_per_op", "a thread lost the CPU"),
    also("schedule_delay.p99", "from wake-up to poll"),
    also("runqueue.delay", "runnable without a CPU"),
    also("service_time.p50", "from sending, not from the intended start"),
    also("service_time.p90", "from sending"),
    also("service_time.p99", "from sending"),
    also("service_time.p99_9", "from sending"),
    also("service_time.max", "from sending"),
    also("driver.lag.p50", "how late operations were handed over"),
    also("driver.lag.p99", "how late operations were handed over"),
    also("driver.cpu", "CPU time of the driver thread"),
];

/// A few words on how to read a metric; empty for unknown ones. `latency.p99[login]` reads as `latency.p99`.
pub(crate) fn help(metric: &str) -> &'static str {
    let (base, _) = metric::split(metric);
    METRICS.iter().find(|known| known.name == base).map_or("", |known| known.help)
}

/// Whether a metric is shown without asking.
pub(crate) fn is_headline(metric: &str) -> bool {
    METRICS.iter().any(|known| known.name == metric && known.headline)
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

/// How sure a verdict is: behind `cannot tell` the smallest change that would have been seen, behind `same` the margin,
/// both as `±4 %`. Empty where there is none, and where a reason says more.
pub(crate) fn reach(comparison: &Comparison) -> String {
    let share = match comparison.verdict {
        Verdict::Same => comparison.margin,
        Verdict::CannotTell if reason(comparison).is_none() => comparison.detectable,
        Verdict::CannotTell | Verdict::Improved | Verdict::Regressed | Verdict::NotComparable => None,
    };
    share.map(|share| format!("±{}", number::percent(share))).unwrap_or_default()
}

/// Why there is no verdict, raw text.
pub(crate) fn reason(comparison: &Comparison) -> Option<&str> {
    comparison.why.as_deref().filter(|why| !why.is_empty())
}

/// [`reach`] in a sentence: `could have seen ±4 %, needs 40 pairs`; may be empty.
pub(crate) fn detail(comparison: &Comparison) -> String {
    let reach = reach(comparison);
    let mut parts = Vec::new();
    match comparison.verdict {
        Verdict::Same if !reach.is_empty() => parts.push(format!("within {reach}")),
        Verdict::CannotTell if reason(comparison).is_none() => {
            if !reach.is_empty() {
                parts.push(format!("could have seen {reach}"));
            }
            parts.extend(comparison.pairs_needed.map(|needed| format!("needs {} pairs", pairs(needed))));
        }
        _ => {}
    }
    parts.join(", ")
}

/// A number of pairs with thousands separated.
pub(crate) fn pairs(number: u32) -> String {
    number::count(f64::from(number))
}

/// How large the peak of a heap profile was, when, and how much of it the picture shows.
pub(crate) fn peak(peak: &HeapPeak) -> String {
    // An estimate may exceed what it estimates.
    let shown = match peak.coverage {
        all if all >= 0.995 => "all of it is in the picture".to_owned(),
        part => format!(
            "an estimated {} of it is in the picture, the rest is older than the profile",
            number::percent(part)
        ),
    };
    let (size, at) = (number::bytes(peak.live_bytes as f64), number::seconds(peak.at_s));
    format!("Most live memory: {size}, {at} after the profile began; {shown}")
}

/// `1 trial`, `2 trials`.
pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number::count(count as f64), if count == 1 { one } else { many })
}
