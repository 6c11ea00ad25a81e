//! Runs to render in tests. Every number follows from a fixed seed.

use std::collections::BTreeMap;

use super::Page;
use crate::run::*;

mod evidence;
mod flamegraph;
mod numbers;
mod records;

use numbers::Numbers;
use records::{compare, plan, summary, trial};

/// Owns everything that a [`Page`] borrows.
#[derive(Debug, Clone)]
pub(super) struct Fixture {
    pub(super) summary: RunSummary,
    pub(super) plan: Option<Plan>,
    pub(super) trials: Vec<TrialRecord>,
    pub(super) curves: BTreeMap<String, Vec<(f64, f64)>>,
    pub(super) timelines: BTreeMap<u32, Vec<TimelinePoint>>,
    pub(super) flamegraphs: BTreeMap<String, String>,
    pub(super) heap: BTreeMap<String, HeapFlamegraphs>,
    pub(super) tasks: BTreeMap<String, Vec<SiteRecord>>,
    pub(super) allocator: BTreeMap<String, AllocatorRecord>,
    pub(super) console: BTreeMap<String, crate::console::View>,
    pub(super) stalls: BTreeMap<String, Stalls>,
    pub(super) traces: BTreeMap<String, Trace>,
    pub(super) waits: BTreeMap<String, WaitEvidence>,
    pub(super) samples: BTreeMap<String, Samples>,
    pub(super) breaches: BTreeMap<String, BreachEvidence>,
    pub(super) differences: BTreeMap<String, String>,
}

/// A variant to make up: name, and factors on the base's latency, CPU and memory.
#[derive(Debug, Clone, Copy)]
struct Shape {
    name: &'static str,
    summary: &'static str,
    latency: f64,
    cpu: f64,
    capacity: f64,
    memory: f64,
    batch: &'static str,
}

const SYNC: Shape = Shape {
    name: "sync",
    summary: "One fdatasync per append.",
    latency: 1.0,
    cpu: 1.0,
    capacity: 1.0,
    memory: 1.0,
    batch: "1",
};
const BATCHED: Shape = Shape {
    name: "batched",
    summary: "Appends share an fdatasync for up to 2 ms.",
    latency: 0.17,
    cpu: 0.99,
    capacity: 1.9,
    memory: 1.07,
    batch: "64",
};
const MMAP: Shape = Shape {
    name: "mmap-async",
    summary: "Flushes in the background.",
    latency: 0.4,
    cpu: 1.12,
    capacity: 1.2,
    memory: 1.6,
    batch: "16",
};

const BLOCKS: u32 = 12;

impl Fixture {
    /// `sync` against `batched`: a clear improvement, with every verdict word somewhere.
    pub(super) fn two_variants() -> Self {
        let mut fixture = Self::of(&[SYNC, BATCHED]);
        fixture.summary.verdict =
            "batched answers 6.2 times faster at p99 (0.16× [0.12, 0.22], 12 pairs) and takes 7 % more memory.".into();
        fixture.summary.comparisons = compare("batched", [0.17, 0.16, 1.9, 0.985, 1.07]);
        fixture
    }

    /// Three variants, so that cells stack.
    pub(super) fn three_variants() -> Self {
        let mut fixture = Self::of(&[SYNC, BATCHED, MMAP]);
        fixture.summary.verdict = "batched has the lowest p99; mmap-async costs 12 % more CPU per operation.".into();
        fixture.summary.comparisons = compare("batched", [0.17, 0.16, 1.9, 0.985, 1.07]);
        fixture.summary.comparisons.extend(compare("mmap-async", [0.39, 0.41, 1.2, 1.12, 1.6]));
        fixture
    }

    /// A grid of settings with few blocks: long names, and the same reason everywhere.
    pub(super) fn six_variants() -> Self {
        let name = |name| Shape { name, summary: "", ..MMAP };
        let mut fixture = Self::of(&[
            Shape { name: "kind=jemalloc,worker_threads=1", summary: "", ..SYNC },
            name("kind=jemalloc,worker_threads=2"),
            name("kind=mimalloc,worker_threads=1"),
            name("kind=mimalloc,worker_threads=2"),
            name("kind=system,worker_threads=1"),
            name("kind=system,worker_threads=2"),
        ]);
        let candidates: Vec<String> = fixture.summary.variants[1..].iter().map(|one| one.name.clone()).collect();
        for candidate in candidates {
            let mut comparisons = compare(&candidate, [0.39, 0.41, 1.2, 1.12, 1.6]);
            for one in &mut comparisons {
                one.base.clone_from(&fixture.summary.variants[0].name);
                (one.verdict, one.low, one.high, one.pairs) = (Verdict::CannotTell, None, None, 3);
                (one.detectable, one.pairs_needed, one.margin) = (None, None, None);
                one.why = Some(if one.metric.starts_with("latency.") {
                    (one.ratio, one.pairs) = (None, 0);
                    "the load driver could not keep up in 3 of 3 trials of `kind=jemalloc,worker_threads=1`, which voids \
                     its latencies"
                        .into()
                } else {
                    "3 pairs: fewer than 6 can never show a difference".into()
                });
            }
            fixture.summary.comparisons.extend(comparisons);
        }
        for variant in &mut fixture.summary.variants {
            variant.metrics.insert("error_rate".into(), MetricValue { value: 0.0, unit: "1".into() });
        }
        fixture.summary.comparisons.retain(|one| !["error_rate", "throughput"].contains(&one.metric.as_str()));
        fixture.summary.verdict = crate::compare::sentence(&fixture.summary.variants, &fixture.summary.comparisons);
        fixture
    }

    /// One variant: nothing to compare.
    pub(super) fn one_variant() -> Self {
        let mut fixture = Self::of(&[SYNC]);
        fixture.summary.verdict =
            "sync answers 99 in 100 appends within 11.2 ms at 2,000 operations per second.".into();
        fixture
    }

    /// The driver could not keep up: latencies are void.
    pub(super) fn driver_limited() -> Self {
        let mut fixture = Self::two_variants();
        fixture.summary.verdict = "Cannot tell: the driver could not keep up in 9 of 12 trials of batched.".into();
        fixture.summary.warnings = vec![
            "driver lag p99 was 3.1 ms over the limit of 1 ms; give the driver a core of its own or lower `--rate`"
                .into(),
        ];
        fixture.summary.variants[1].driver_limited = 9;
        fixture.summary.variants[1].metrics.retain(|name, _| !name.starts_with("latency."));
        for comparison in &mut fixture.summary.comparisons {
            if comparison.metric.starts_with("latency.") {
                comparison.verdict = Verdict::CannotTell;
                (comparison.ratio, comparison.low, comparison.high) = (None, None, None);
                (comparison.pairs, comparison.detectable, comparison.pairs_needed) = (3, None, None);
                comparison.why = Some("driver-limited in 9 of 12 trials".into());
            }
        }
        for trial in fixture.trials.iter_mut().filter(|trial| trial.variant == "batched").take(9) {
            trial.driver.lag_p99 = 0.003_1;
            trial.driver.lag_max = 0.02;
            trial.driver.limited = Some("lag p99 3.1 ms is over the limit of 1 ms".into());
        }
        fixture
    }

    /// The subject of one variant crashed and its profile is missing.
    pub(super) fn failed() -> Self {
        let mut fixture = Self::two_variants();
        fixture.summary.status = Status::Failed;
        fixture.summary.verdict = "batched crashed in 12 of 12 trials: exit status 101.".into();
        fixture.summary.warnings = vec!["batched has no measurements".into()];
        fixture.summary.comparisons.clear();
        let batched = &mut fixture.summary.variants[1];
        (batched.trials, batched.failed) = (0, 12);
        batched.metrics.clear();
        batched.knobs.clear();
        let profile = &mut fixture.summary.profiles[1];
        profile.missing = Some("the subject exited with status 101 before the first sample".into());
        (profile.samples, profile.coverage, profile.overhead) = (0, None, None);
        (profile.path, profile.svg) = (String::new(), String::new());
        fixture.flamegraphs.remove("batched");
        fixture.curves.remove("batched");
        for trial in fixture.trials.iter_mut().filter(|trial| trial.variant == "batched") {
            trial.outcome = TrialOutcome::SubjectFailed {
                reason: "exited with status 101 after 0.2 s".into(),
                stderr: "thread 'main' panicked at src/log.rs:41:9:\nsegment 0 is shorter than its header\n".into(),
            };
            trial.metrics.clear();
            trial.operations.clear();
            trial.drain = None;
            trial.exit.code = Some(101);
            fixture.timelines.remove(&trial.index);
        }
        fixture
    }

    /// What the renderer gets.
    pub(super) fn page(&self) -> Page<'_> {
        Page {
            summary: &self.summary,
            plan: self.plan.as_ref(),
            trials: &self.trials,
            curves: &self.curves,
            timelines: &self.timelines,
            flamegraphs: &self.flamegraphs,
            heap: &self.heap,
            tasks: &self.tasks,
            allocator: &self.allocator,
            console: &self.console,
            stalls: &self.stalls,
            traces: &self.traces,
            waits: &self.waits,
            samples: &self.samples,
            breaches: &self.breaches,
            differences: &self.differences,
        }
    }

    fn of(shapes: &[Shape]) -> Self {
        let mut numbers = Numbers::new(7);
        let mut trials = Vec::new();
        let mut timelines = BTreeMap::new();
        for block in 1..=BLOCKS {
            let mut order: Vec<_> = shapes.to_vec();
            if block % 2 == 0 {
                order.reverse();
            }
            for shape in order {
                let index = trials.len() as u32 + 1;
                timelines.insert(index, numbers.timeline(shape.latency));
                trials.push(trial(&mut numbers, index, Some(block), &shape));
            }
        }
        for shape in shapes {
            trials.push(trial(&mut numbers, trials.len() as u32 + 1, None, shape));
        }
        Self {
            summary: summary(shapes, &trials),
            plan: Some(plan(shapes, &trials)),
            trials,
            curves: shapes.iter().map(|shape| (shape.name.into(), numbers::curve(shape.latency))).collect(),
            timelines,
            flamegraphs: shapes.iter().map(|shape| (shape.name.into(), flamegraph::svg(shape.name))).collect(),
            heap: BTreeMap::new(),
            tasks: BTreeMap::new(),
            allocator: BTreeMap::new(),
            console: BTreeMap::new(),
            stalls: BTreeMap::new(),
            traces: BTreeMap::new(),
            waits: BTreeMap::new(),
            samples: BTreeMap::new(),
            breaches: BTreeMap::new(),
            differences: BTreeMap::new(),
        }
    }
}
