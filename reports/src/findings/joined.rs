//! Everything that is known of one variant, as plain tables: what a rule looks at.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{CpuTable, Loops, harm, served, usable};
use crate::run::{
    Breach, EvidenceKind, GOROUTINES, KernelRecord, LevelSummary, LoadedRun, MetricValue, OperationRecord, Settings,
    Stalls, ThreadsRecord, Trace, TracePolls, TrialKind, TrialOutcome, TrialRecord, VariantSummary,
};

/// What a program's file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// Its path.
    pub path: String,
    /// It checks what only debug builds check.
    pub debug_assertions: bool,
    /// It has symbols.
    pub symbols: bool,
    /// It has line tables.
    pub lines: bool,
    /// It was made by Go, whose goroutines nobody can watch from outside.
    pub go: bool,
}

/// What whoever asked felt. Seconds for each operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Felt {
    /// Operations behind it.
    pub operations: u64,
    /// Mean latency from the intended time.
    pub mean_s: f64,
    /// Median.
    pub p50_s: f64,
    /// 99th percentile.
    pub p99_s: f64,
    /// Worst.
    pub max_s: f64,
    /// Median at the lowest closed-loop level, or of the open loop where that is less: what an operation takes alone.
    pub base_s: f64,
    /// Median at the lowest closed-loop level, 0 without one: what one client gets that asks again at once.
    pub alone_s: f64,
    /// Mean of what is beyond it: Σ max(0, latency − base) ÷ operations (design 01).
    pub excess_s: f64,
    /// The driver was late itself, so that these are an upper bound.
    pub doubtful: bool,
}

/// Operations that were never answered, or wrongly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failed {
    /// Scheduled in all.
    pub scheduled: u64,
    /// Not answered in time.
    pub timeouts: u64,
    /// Never answered.
    pub unanswered: u64,
}

/// How the source of waits says that goroutines were traced, each with every wait.
pub(super) const TRACED: &str = "goroutines were traced";

/// One variant.
#[derive(Debug, Clone, Default)]
pub struct Joined<'a> {
    /// Its name.
    pub variant: &'a str,
    /// Run to name in commands.
    pub run: &'a str,
    /// How to run the same again, up to the flags that change something.
    pub command: String,
    /// It ran already: nothing was driven.
    pub attached: bool,
    /// What callers felt; `None` where nothing was measured.
    pub felt: Option<Felt>,
    /// Operations that failed.
    pub failed: Failed,
    /// Seconds after which one counts as timed out.
    pub timeout_s: f64,
    /// Clients of the saturated phase.
    pub concurrency: u32,
    /// Operations per second asked for; of stages or recorded arrivals on average.
    pub rate: f64,
    /// That follows from stages, bursts or recorded arrivals.
    pub shaped: bool,
    /// Closed loops of rising concurrency.
    pub levels: &'a [LevelSummary],
    /// Metrics of the measured trials.
    pub metrics: Option<&'a BTreeMap<String, MetricValue>>,
    /// Settings in force.
    pub knobs: Option<&'a Settings>,
    /// CPUs that the program may use.
    pub cpus: f64,
    /// Those of the machine, whatever a quota grants of them.
    pub machine_cpus: f64,
    /// CPU profile.
    pub cpu: Option<&'a CpuTable>,
    /// Threads off their CPU.
    pub threads: Option<&'a ThreadsRecord>,
    /// What the kernel counted.
    pub kernel: Option<&'a KernelRecord>,
    /// Tasks from outside.
    pub trace: Option<&'a Trace>,
    /// Operations answered in the open loop while threads' waits were recorded.
    pub waited: Option<u64>,
    /// Operations answered in the open loop while tasks were traced, and their mean latency.
    pub traced: Option<(u64, f64)>,
    /// Part of the operations of that trial that were not answered in time: more than otherwise where tracing is a burden.
    pub traced_missing: f64,
    /// Of a process that nobody drove: part of that mean in which operations were ready and not polled, or waited for a lock.
    pub hindered_s: f64,
    /// Operations answered in the saturated phase while tasks were traced.
    pub traced_saturated: u64,
    /// What ran while operations were late, against the rest of the same trial.
    pub breach: Option<&'a Breach>,
    /// Stalls that our probe caught within the program.
    pub stalls: Option<&'a Stalls>,
    /// The program's file.
    pub build: Option<&'a Build>,
    /// Which lines of its sources stand in loops, as far as those are on this machine.
    pub loops: Option<&'a Loops>,
    /// How the program failed, where no measured trial ended well.
    pub ended: Option<String>,
    /// Evidence that is missing, or of no use, and why.
    pub missing: BTreeMap<&'static str, String>,
    /// Evidence that is used in part only, and why.
    pub partly: Vec<(&'static str, String)>,
}

impl<'a> Joined<'a> {
    /// What a loaded run says of one of its variants; `cpu` and `build` are read by the caller, who knows profiles.
    pub fn new(
        run: &'a LoadedRun,
        summary: &'a VariantSummary,
        cpu: Option<&'a CpuTable>,
        build: Option<&'a Build>,
    ) -> Self {
        let variant = summary.name.as_str();
        let of_variant = || run.trials.iter().filter(move |trial| trial.variant == variant);
        let measured: Vec<&TrialRecord> =
            of_variant().filter(|t| t.kind == TrialKind::Measure && t.outcome == TrialOutcome::Ok).collect();
        let alone = harm::ends_of_ladder(&summary.levels).map(|(low, _)| low).or(summary.levels.first());
        let alone_s = alone.and_then(|level| level.p50).unwrap_or(0.0);
        let histogram = run.histograms.get(variant).and_then(|all| all.measured.as_ref());
        let operations = || measured.iter().flat_map(|trial| &trial.operations);
        let evidence = |kind| of_variant().find(move |trial| trial.kind == TrialKind::Evidence(kind));
        let traced = evidence(EvidenceKind::Trace);
        let seconds = run.plan.phases.saturated_s;
        let waits = run.waits.get(variant);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "operations of a phase")]
        let saturated = |trial: &TrialRecord| (trial.metrics.get("capacity").unwrap_or(&0.0) * seconds) as u64;
        let mut joined = Self {
            variant,
            run: &run.id,
            attached: run.plan.attached.is_some(),
            felt: histogram
                .filter(|histogram| !histogram.is_empty())
                .map(|histogram| felt(histogram, alone_s))
                .or_else(|| felt_of_records(&measured, alone_s)),
            failed: Failed {
                scheduled: operations().map(|one| one.scheduled).sum(),
                timeouts: operations().map(|one| one.timeouts).sum(),
                unanswered: operations().map(|one| one.unanswered).sum(),
            },
            timeout_s: run.plan.phases.timeout_s,
            concurrency: run.plan.phases.concurrency,
            rate: run.plan.phases.rate,
            levels: &summary.levels,
            metrics: Some(&summary.metrics),
            knobs: Some(&summary.knobs),
            cpus: run.machine.cpu_quota.unwrap_or(f64::INFINITY).min(f64::from(run.machine.cpus.max(1))),
            machine_cpus: f64::from(run.machine.cpus.max(1)),
            cpu,
            threads: waits.and_then(|seen| seen.threads.as_ref()),
            kernel: waits.and_then(|seen| seen.kernel.as_ref()),
            trace: run.traces.get(variant),
            waited: evidence(EvidenceKind::Wait).and_then(answered_of).map(|(count, _)| count),
            traced: traced.and_then(answered_of),
            traced_missing: traced.map_or(0.0, missing_of),
            traced_saturated: traced.map_or(0, saturated),
            breach: run.breaches.get(variant).map(|seen| &seen.record),
            stalls: run.stalls.get(variant),
            build,
            ended: if measured.is_empty() { of_variant().find_map(ended) } else { None },
            missing: usable::lost(run, variant),
            ..Self::default()
        };
        for (kind, because) in usable::of_other_builds(&run.trials, variant) {
            joined.leave_out(kind, because);
        }
        for unread in run.unread.iter().filter(|unread| unread.variant == variant) {
            // What was not read is not there: the other files of that kind are.
            match (unread.kind, unread.partly) {
                (EvidenceKind::Trace, _) => joined.leave_out(unread.kind.name(), unread.because.clone()),
                (_, true) => joined.partly.push((unread.kind.name(), unread.because.clone())),
                // Rules that would look at it may miss something else first: it is said all the same.
                (kind, false) => {
                    joined.missing.insert(kind.name(), unread.because.clone());
                    joined.partly.push((kind.name(), unread.because.clone()));
                }
            }
        }
        joined
    }

    /// Of a process that nobody drove, what its tasks show of operations stands in for what was measured, and that is said.
    pub(super) fn stand_in(&mut self) {
        if !self.attached || self.trace.is_none() && self.threads.is_none() {
            return;
        }
        let by_threads = || self.threads.and_then(|threads| served::of_threads(threads, self.cpu));
        let Some(served) = self.trace.map_or_else(by_threads, served::of) else {
            let said = "nobody measured it, and what was seen does not show where one operation ends and the next begins: what a rule \
                        holds against operations is not looked for. `workbench run --target URL -- COMMAND` drives it";
            self.partly.push(("latency", said.into()));
            return;
        };
        (self.traced, self.hindered_s) = (Some((served.operations, served.mean_s)), served.hindered_s);
        let wall_s = match (self.trace, self.threads) {
            (None, Some(threads)) => threads.head.wall_s,
            _ => self.traced_s(),
        };
        #[allow(clippy::cast_precision_loss, reason = "operations of one recording")]
        let rate = served.operations as f64 / wall_s.max(1e-9);
        self.rate = rate;
        let said = format!(
            "nobody measured it: operations are what {} did between two waits for the network, {} in {:.1} s, of {} \
             on average as seen from within. What clients waited for before the program heard of them is not known",
            served.who,
            served.operations,
            wall_s,
            super::cause::time(served.mean_s)
        );
        self.partly.push(("latency", said));
    }

    /// A metric of the measured trials; of a process that nobody drove, what follows from its tasks and the kernel's count.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let measured = self.metrics.and_then(|metrics| Some(metrics.get(name)?.value));
        measured.or_else(|| self.attached.then(|| self.counted(name)).flatten())
    }

    /// `cpu_per_op` and `faults.minor_per_op` from the kernel's count of the process.
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    fn counted(&self, name: &str) -> Option<f64> {
        let operations = self.kernel_operations()?;
        let (first, last) = (self.kernel?.samples.first()?, self.kernel?.samples.last()?);
        match name {
            "cpu_per_op" => Some((last.cpu_s? - first.cpu_s?) / operations),
            "faults.minor_per_op" => Some(last.minor_faults?.saturating_sub(first.minor_faults?) as f64 / operations),
            _ => None,
        }
    }

    /// Operations answered while the kernel's figures were read; of a process that nobody drove, as many a second as its tasks
    /// showed.
    pub fn kernel_operations(&self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "operations of one trial")]
        let counted = self.kernel.map(|kernel| kernel.head.operations as f64).filter(|count| *count > 0.0);
        let stands_in = || Some(self.kernel?.head.wall_s * self.rate).filter(|count| self.attached && *count > 0.0);
        counted.or_else(stands_in)
    }

    /// Waits of threads with those who kept them, and operations answered meanwhile: of the open loop, where latencies were
    /// measured, as far as it was recorded by itself.
    pub(super) fn kept(&self) -> Option<(&'a [TracePolls], Option<f64>)> {
        let threads = self.threads?;
        // Older files have no goroutines of the open loop by itself.
        let told = |rows: &[TracePolls]| rows.iter().any(|row| row.kind == GOROUTINES);
        // Of those that were traced none in it means that none waited.
        let traced = threads.head.source.contains(TRACED);
        let by_itself = !threads.kept_open.is_empty() && (traced || told(&threads.kept_open) || !told(&threads.kept));
        #[allow(clippy::cast_precision_loss, reason = "operations of one trial")]
        let open = self.waited.map(|count| count as f64).filter(|_| by_itself);
        Some(match open {
            Some(operations) => (&threads.kept_open, Some(operations)),
            None => (&threads.kept, self.kernel_operations()),
        })
    }

    /// Seconds in which they were kept.
    pub(super) fn kept_s(&self) -> f64 {
        let Some(threads) = self.threads else { return 0.0 };
        let is_open = self.kept().is_some_and(|(rows, _)| std::ptr::eq(rows, threads.kept_open.as_slice()));
        threads.head.wall_s - if is_open { threads.head.open_at_s.unwrap_or(0.0) } else { 0.0 }
    }

    /// CPUs that the program kept busy in the open loop, as a part of those it may use; from the kernel's count.
    pub fn busy(&self) -> Option<f64> {
        let kernel = self.kernel?;
        let open = kernel.head.open_at_s.unwrap_or(0.0);
        let inside: Vec<(f64, f64)> =
            kernel.samples.iter().filter(|s| s.at_s >= open).filter_map(|s| Some((s.at_s, s.cpu_s?))).collect();
        let (first, last) = (inside.first()?, inside.last()?);
        (last.0 > first.0).then(|| (last.1 - first.1) / (last.0 - first.0) / self.cpus)
    }

    /// Seconds of the trace's open loop.
    pub fn traced_s(&self) -> f64 {
        self.trace.map_or(0.0, |trace| trace.head.wall_s - trace.head.since_s)
    }
}

/// Whether waits of goroutines are known: they were traced, or asked for and there were some.
pub(super) fn knows_goroutines(threads: &ThreadsRecord) -> bool {
    threads.head.source.contains(TRACED) || !threads.waited.is_empty()
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds below 2^52")]
fn felt(histogram: &Histogram<u64>, alone_s: f64) -> Felt {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 * 1e-9;
    // Clients that ask at once are in each other's way: where half of those that come by the clock take less, that is nearer.
    let base_s = alone_s.min(at(0.5));
    let excess: f64 = histogram
        .iter_recorded()
        .map(|step| (step.value_iterated_to() as f64 * 1e-9 - base_s).max(0.0) * step.count_at_value() as f64)
        .sum();
    Felt {
        operations: histogram.len(),
        mean_s: histogram.mean() * 1e-9,
        p50_s: at(0.5),
        p99_s: at(0.99),
        max_s: histogram.max() as f64 * 1e-9,
        base_s,
        alone_s,
        excess_s: excess / histogram.len() as f64,
        doubtful: false,
    }
}

/// The same where the driver was too late for latencies to count: what each trial kept all the same, by its percentiles.
fn felt_of_records(trials: &[&TrialRecord], alone_s: f64) -> Option<Felt> {
    let measured: Vec<&OperationRecord> =
        trials.iter().flat_map(|trial| &trial.operations).filter(|one| one.measured && one.answered > 0).collect();
    let operations: u64 = measured.iter().map(|one| one.answered).sum();
    if operations == 0 {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "operations of a run")]
    let mean = |of: &dyn Fn(&OperationRecord) -> f64| {
        measured.iter().map(|one| of(one) * one.answered as f64).sum::<f64>() / operations as f64
    };
    let at = |name: &'static str| mean(&|one| one.latency.get(name).copied().unwrap_or(0.0));
    let base_s = Some(at("p50")).filter(|p50| *p50 > 0.0).map_or(alone_s, |p50| alone_s.min(p50));
    Some(Felt {
        operations,
        mean_s: mean(&|one| spread(one).iter().map(|(weight, value)| weight * value).sum()),
        p50_s: at("p50"),
        p99_s: at("p99"),
        max_s: at("max"),
        base_s,
        alone_s,
        excess_s: mean(&|one| spread(one).iter().map(|(weight, value)| weight * (value - base_s).max(0.0)).sum()),
        doubtful: true,
    })
}

/// How the program of a trial failed, and what it said last.
fn ended(trial: &TrialRecord) -> Option<String> {
    let TrialOutcome::SubjectFailed { reason, stderr } = &trial.outcome else { return None };
    let last = stderr.lines().rfind(|line| !line.trim().is_empty());
    Some(last.map_or_else(|| reason.clone(), |last| format!("{reason}; the last that it said: {}", last.trim())))
}

/// A distribution by its percentiles: parts of the operations and the latency in the middle of each, seconds.
fn spread(one: &OperationRecord) -> Vec<(f64, f64)> {
    let known = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99_9"), (1.0, "max")];
    let mut below = (0.0, one.latency.get("p50").copied().unwrap_or(0.0));
    let mut parts = Vec::new();
    for (quantile, name) in known {
        let Some(value) = one.latency.get(name) else { continue };
        parts.push((quantile - below.0, f64::midpoint(below.1, *value)));
        below = (quantile, *value);
    }
    parts
}

/// Part of the operations that were not answered.
fn missing_of(trial: &TrialRecord) -> f64 {
    let measured = || trial.operations.iter().filter(|one| one.measured);
    let scheduled: u64 = measured().map(|one| one.scheduled).sum();
    let answered: u64 = measured().map(|one| one.answered).sum();
    #[allow(clippy::cast_precision_loss, reason = "operations of one trial")]
    let part = scheduled.saturating_sub(answered) as f64 / scheduled.max(1) as f64;
    part
}

fn answered_of(trial: &TrialRecord) -> Option<(u64, f64)> {
    let measured = || trial.operations.iter().filter(|one| one.measured && one.answered > 0);
    let answered: u64 = measured().map(|one| one.answered).sum();
    #[allow(clippy::cast_precision_loss, reason = "operations of one trial")]
    let sum: f64 = measured()
        .map(|one| one.answered as f64 * spread(one).iter().map(|(weight, value)| weight * value).sum::<f64>())
        .sum();
    #[allow(clippy::cast_precision_loss, reason = "operations of one trial")]
    let mean = sum / answered.max(1) as f64;
    (answered > 0).then_some((answered, mean))
}
