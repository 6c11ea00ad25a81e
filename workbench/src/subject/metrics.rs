//! From what a trial saw to its metrics, by the names of design 01.

use hdrhistogram::Histogram;
use reports::run::hlog::Interval;
use reports::run::{DriverRecord, Metrics, OperationRecord};

use crate::child::protocol::{MemorySample, Usage};
use crate::load::{ClosedOutcome, PhaseOutcome};

/// Percentiles that are kept, by name.
const PERCENTILES: [(&str, f64); 4] = [("p50", 0.50), ("p90", 0.90), ("p99", 0.99), ("p99_9", 0.999)];

const NS: f64 = 1e-9;

/// What the phases of a trial yielded.
#[derive(Debug)]
pub(super) struct Observed<'a> {
    /// Saturated phase and what the process used during it.
    pub(super) saturated: Option<(&'a ClosedOutcome, Usage)>,
    /// Open-loop phase.
    pub(super) open: Option<&'a PhaseOutcome>,
    /// Memory over the trial.
    pub(super) memory: &'a [MemorySample],
    /// What the memory limit's controller did.
    pub(super) limit: Option<&'a probe::memory_limit::Tally>,
    /// Whether allocations were counted: only our own allocator does.
    pub(super) allocations: bool,
}

impl Observed<'_> {
    /// Operations answered in both phases.
    pub(super) fn answered(&self) -> u64 {
        let open = self.open.map_or(0, |open| open.operations.iter().map(|one| one.answered).sum());
        self.saturated.as_ref().map_or(0, |(closed, _)| closed.answered()) + open
    }
}

/// Computes every metric that the observations allow.
pub(super) fn metrics(observed: &Observed<'_>, driver: &DriverRecord) -> Metrics {
    let mut metrics = Metrics::new();
    if let Some((closed, usage)) = &observed.saturated {
        saturated(&mut metrics, closed, usage, observed.allocations);
    }
    if let Some(open) = observed.open {
        open_loop(&mut metrics, open);
        metrics.insert("driver.lag.p50".into(), driver.lag_p50);
        metrics.insert("driver.lag.p99".into(), driver.lag_p99);
        metrics.insert("driver.cpu".into(), driver.cpu_s);
    }
    memory(&mut metrics, observed.memory, observed.allocations);
    if let Some(tally) = observed.limit.filter(|tally| tally.watched_s > 0.0) {
        limit(&mut metrics, tally);
    }
    metrics
}

#[allow(clippy::cast_precision_loss, reason = "counts of one trial are far below 2^52")]
fn saturated(metrics: &mut Metrics, closed: &ClosedOutcome, usage: &Usage, allocations: bool) {
    let answered = closed.answered() as f64;
    if answered == 0.0 || closed.elapsed_s <= 0.0 {
        return;
    }
    let mut set = |name: &str, value: f64| metrics.insert(name.to_owned(), value);
    set("capacity", answered / closed.elapsed_s);
    set("cpu_per_op", (usage.cpu_s - closed.driver_cpu_in_process_s).max(0.0) / answered);
    if allocations {
        set("alloc.bytes_per_op", usage.allocated_bytes as f64 / answered);
        set("alloc.count_per_op", usage.allocations as f64 / answered);
    }
    set("faults.minor_per_op", usage.minor_faults as f64 / answered);
    set("faults.major_per_op", usage.major_faults as f64 / answered);
    set("ctx_switches.voluntary_per_op", usage.voluntary_switches as f64 / answered);
    set("ctx_switches.involuntary_per_op", usage.involuntary_switches as f64 / answered);
}

#[allow(clippy::cast_precision_loss, reason = "counts of one trial are far below 2^52")]
fn open_loop(metrics: &mut Metrics, open: &PhaseOutcome) {
    let total = |count: fn(&crate::load::OpOutcome) -> u64| open.operations.iter().map(count).sum::<u64>() as f64;
    let (errors, timeouts, unanswered) = (total(|o| o.errors), total(|o| o.timeouts), total(|o| o.unanswered));
    let scheduled = total(|o| o.scheduled);
    metrics.insert("errors".into(), errors);
    metrics.insert("timeouts".into(), timeouts);
    metrics.insert("unanswered".into(), unanswered);
    if scheduled > 0.0 {
        metrics.insert("error_rate".into(), (errors + timeouts + unanswered) / scheduled);
    }
    if open.elapsed_s > 0.0 {
        metrics.insert("throughput".into(), total(|o| o.answered) / open.elapsed_s);
    }
    let measured: Vec<_> = open.operations.iter().filter(|o| o.measured).collect();
    if let Some(latency) = merged(measured.iter().map(|o| &o.latency)) {
        percentiles(metrics, "latency", "", &latency);
    }
    if let Some(service) = merged(measured.iter().map(|o| &o.service_time)) {
        percentiles(metrics, "service_time", "", &service);
    }
    if open.operations.len() > 1 {
        for operation in &open.operations {
            percentiles(metrics, "latency", &format!("[{}]", operation.name), &operation.latency);
        }
    }
}

fn memory(metrics: &mut Metrics, samples: &[MemorySample], allocations: bool) {
    let (Some(last), Some(max)) = (samples.last(), samples.iter().map(|s| s.rss_bytes).max()) else { return };
    #[allow(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^52")]
    {
        let mean = samples.iter().map(|s| s.rss_bytes as f64).sum::<f64>() / samples.len() as f64;
        let live = samples.iter().map(|s| s.live_bytes).max().unwrap_or(0);
        metrics.insert("rss.max".into(), max as f64);
        metrics.insert("rss.mean".into(), mean);
        metrics.insert("rss.end".into(), last.rss_bytes as f64);
        if allocations {
            metrics.insert("allocated.max".into(), live as f64);
        }
    }
}

fn limit(metrics: &mut Metrics, tally: &probe::memory_limit::Tally) {
    #[allow(clippy::cast_precision_loss, reason = "bytes and passes of one trial are far below 2^52")]
    let (given_back, purges) = (tally.given_back as f64, tally.purges as f64);
    for (name, value) in [
        ("memory_limit.close", tally.close_s / tally.watched_s),
        ("memory_limit.over", tally.over_s / tally.watched_s),
        ("memory_limit.paused", tally.paused_s / tally.watched_s),
        ("memory_limit.purges", purges),
        ("memory_limit.given_back", given_back),
        ("memory_limit.cpu", tally.cpu_s),
        ("memory_limit.fault_cpu", tally.fault_cpu_s),
    ] {
        metrics.insert(name.to_owned(), value);
    }
}

/// Counts and latencies by operation kind, for `trial.json`.
pub(super) fn operations(open: &PhaseOutcome) -> Vec<OperationRecord> {
    open.operations
        .iter()
        .map(|o| {
            let summary = |histogram: &Histogram<u64>| {
                let mut metrics = Metrics::new();
                percentiles(&mut metrics, "", "", histogram);
                metrics.into_iter().map(|(name, value)| (name.trim_start_matches('.').to_owned(), value)).collect()
            };
            OperationRecord {
                name: o.name.clone(),
                measured: o.measured,
                scheduled: o.scheduled,
                sent: o.sent,
                answered: o.answered,
                errors: o.errors,
                timeouts: o.timeouts,
                unanswered: o.unanswered,
                latency: summary(&o.latency),
                service_time: summary(&o.service_time),
            }
        })
        .collect()
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of a trial are below 2^52")]
fn percentiles(metrics: &mut Metrics, prefix: &str, suffix: &str, histogram: &Histogram<u64>) {
    if histogram.is_empty() {
        return;
    }
    for (name, quantile) in PERCENTILES {
        metrics.insert(format!("{prefix}.{name}{suffix}"), histogram.value_at_quantile(quantile) as f64 * NS);
    }
    metrics.insert(format!("{prefix}.max{suffix}"), histogram.max() as f64 * NS);
}

fn merged<'a>(histograms: impl Iterator<Item = &'a Histogram<u64>>) -> Option<Histogram<u64>> {
    let mut sum: Option<Histogram<u64>> = None;
    for histogram in histograms {
        match &mut sum {
            None => sum = Some(histogram.clone()),
            // Histograms of one phase share their bounds, so that adding one to another cannot overflow them.
            Some(sum) => sum.add(histogram).ok()?,
        }
    }
    sum
}

/// Histograms for `latency.hlog`: latency, service time and errors per operation kind, and the driver's lag.
pub(super) fn intervals(open: &PhaseOutcome) -> Vec<Interval> {
    let whole = |tag: String, histogram: &Histogram<u64>| Interval {
        tag,
        start_s: 0.0,
        duration_s: open.elapsed_s,
        histogram: histogram.clone(),
    };
    let mut intervals: Vec<Interval> = open
        .intervals
        .iter()
        .filter_map(|second| {
            Some(Interval {
                tag: second.operation.clone(),
                start_s: second.at_s,
                duration_s: second.length_s,
                histogram: second.latency.decode()?,
            })
        })
        .collect();
    for operation in &open.operations {
        intervals.push(whole(format!("{}.service", operation.name), &operation.service_time));
        if !operation.error_latency.is_empty() {
            intervals.push(whole(format!("{}.error", operation.name), &operation.error_latency));
        }
    }
    intervals.push(whole("driver.lag".to_owned(), &open.driver.lag));
    intervals
}
