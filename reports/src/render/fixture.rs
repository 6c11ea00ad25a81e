//! Runs to render in tests. Every number follows from a fixed seed.

use std::collections::BTreeMap;

use super::Page;
use crate::run::*;

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

    /// Tasks of the first variant; those of the second are missing.
    pub(super) fn with_tasks(mut self) -> Self {
        let variants: Vec<String> = self.summary.variants.iter().map(|variant| variant.name.clone()).collect();
        for (variant, missing) in variants.iter().zip([None, Some("it crashed".to_owned())]) {
            self.summary.profiles.push(ProfileSummary {
                variant: variant.clone(),
                kind: "tasks".into(),
                path: "evidence/x/tasks.jsonl".into(),
                svg: String::new(),
                samples: 8000,
                coverage: None,
                source: "tokio's task hooks in the process".into(),
                overhead: Some(1.04),
                stalls: missing.is_none().then(|| StallSummary::of(&crate::run::stalls::tests::stalls())),
                missing,
                peak: None,
                ..ProfileSummary::default()
            });
        }
        let site = super::tasks::tests::site;
        let sites =
            vec![site("src/<b>.rs", SiteKind::Blocking), site("scenarios/src/workloads/drain/mod.rs", SiteKind::Task)];
        self.tasks.insert(variants[0].clone(), sites);
        self.stalls.insert(variants[0].clone(), crate::run::stalls::tests::stalls());
        self
    }

    /// A cause, one that cannot be told, one that is ruled out and evidence that is missing.
    pub(super) fn with_findings(mut self) -> Self {
        let variant = self.summary.variants[0].name.clone();
        self.summary.findings.push(Finding {
            variant: variant.clone(),
            rule: "long-poll-cpu".into(),
            rank: 1,
            title: "shop::pay computes for 13.6 ms within a poll of shop::orders".into(),
            share: 0.88,
            culprit: Some(Culprit { function: "shop::pay".into(), file: "src/pay.rs".into(), line: 41 }),
            path: [
                ("shop::round", "src/pay.rs", 12),
                ("shop::pay", "src/pay.rs", 41),
                ("shop::orders", "src/main.rs", 30),
            ]
            .map(|(function, file, line)| Culprit { function: function.into(), file: file.into(), line })
            .into(),
            evidence: vec!["24 polls spent 13.6 ms each on the CPU there, the longest 20.1 ms".into()],
            refuted_by: "with that work on a thread of its own the tail would stay as it is".into(),
            next: "workbench run --evidence cpu,trace --target http://127.0.0.1:1/ -- ./shop".into(),
            proof: "trace".into(),
        });
        self.summary.undecided.push(Undecided {
            variant: variant.clone(),
            rules: vec!["throttled".into()],
            sentence: "nothing that was gathered says why".into(),
            experiment: "workbench run --evidence wait shop".into(),
        });
        let because = "its cgroups were throttled for 0 s of 6.4 s".into();
        self.summary.ruled_out.push(RuledOut { variant: variant.clone(), rule: "throttled".into(), because });
        self.summary.unused.push(Unused {
            variant,
            evidence: "trace".into(),
            because: "the program is stripped".into(),
            rules: vec!["task-growth".into()],
        });
        self.summary.unused.push(Unused {
            variant: self.summary.variants[0].name.clone(),
            evidence: "binary".into(),
            because: "/srv/shop has no line tables, so that functions are named without lines".into(),
            rules: Vec::new(),
        });
        self
    }

    /// Tasks of the first variant from outside; those of the second are missing.
    pub(super) fn with_trace(mut self) -> Self {
        let variants: Vec<String> = self.summary.variants.iter().map(|variant| variant.name.clone()).collect();
        for (variant, missing) in variants.iter().zip([None, Some("the program is stripped".to_owned())]) {
            let profile = self.summary.profiles[0].clone();
            self.summary.profiles.push(ProfileSummary {
                variant: variant.clone(),
                kind: "trace".into(),
                path: "evidence/x/trace.jsonl".into(),
                svg: String::new(),
                samples: 4497,
                coverage: None,
                source: "uprobes on tokio's own functions, from outside".into(),
                overhead: Some(1.29),
                missing,
                ..profile
            });
        }
        self.traces.insert(variants[0].clone(), crate::run::trace::tests::trace());
        self
    }

    /// Heap of the first variant, with its peak.
    pub(super) fn with_heap(mut self) -> Self {
        let mut heap = self.summary.profiles[0].clone();
        (heap.kind, heap.coverage, heap.samples) = ("heap".into(), None, 900);
        (heap.path, heap.source) = ("evidence/x/heap.pb.gz".into(), "one byte in 524288".into());
        heap.peak = Some(HeapPeak {
            path: "evidence/x/heap-peak.pb.gz".into(),
            svg: "evidence/x/heap-peak.svg".into(),
            at_s: 2.31,
            live_bytes: 64 << 20,
            coverage: 0.93,
        });
        let svg = |what: &str| format!("<svg height=\"200\"><title>{what}</title></svg>");
        let pictures = HeapFlamegraphs { bytes: svg("bytes"), objects: svg("blocks"), peak: svg("peak") };
        self.heap.insert(heap.variant.clone(), pictures);
        self.summary.profiles.push(heap);
        self
    }

    /// Waits of the first variant; those of the second are missing.
    pub(super) fn with_waits(mut self) -> Self {
        let variants: Vec<String> = self.summary.variants.iter().map(|variant| variant.name.clone()).collect();
        for (variant, missing) in variants.iter().zip([None, Some("perf events are refused".to_owned())]) {
            self.summary.profiles.push(ProfileSummary {
                variant: variant.clone(),
                kind: "wait".into(),
                path: "evidence/x/wait.pb.gz".into(),
                svg: "evidence/x/wait.svg".into(),
                samples: 900,
                source: "perf switch records from outside".into(),
                overhead: Some(1.04),
                missing,
                ..ProfileSummary::default()
            });
        }
        let seen = WaitEvidence {
            flamegraph: "<svg height=\"200\"><title>waits</title></svg>".into(),
            threads: Some(crate::run::threads::tests::threads()),
            kernel: Some(crate::run::kernel::tests::kernel()),
        };
        self.waits.insert(variants[0].clone(), seen);
        self
    }

    /// What moved from the first variant to the second.
    pub(super) fn with_movers(mut self) -> Self {
        let movers = super::movers::tests::movers();
        self.differences.insert(movers.candidate.clone(), "<svg height=\"200\"><title>both</title></svg>".into());
        self.summary.movers.push(movers);
        self
    }

    /// CPU samples of the first variant with their times, and what ran while it was late.
    pub(super) fn with_samples(mut self) -> Self {
        let variant = self.summary.variants[0].name.clone();
        let flamegraph = "<svg height=\"200\"><title>late</title></svg>".into();
        let seen = BreachEvidence { record: crate::run::breach::tests::breach(), flamegraph };
        self.summary.late.push(crate::run::LateSummary::of(&variant, &seen.record));
        self.samples.insert(variant.clone(), crate::run::samples::tests::samples());
        self.breaches.insert(variant, seen);
        self
    }

    /// The allocator of the first variant over time; that of the second is missing.
    pub(super) fn with_allocator(mut self) -> Self {
        let variants: Vec<String> = self.summary.variants.iter().map(|variant| variant.name.clone()).collect();
        for (variant, missing) in variants.iter().zip([None, Some("it crashed".to_owned())]) {
            self.summary.profiles.push(ProfileSummary {
                variant: variant.clone(),
                kind: "allocator".into(),
                path: "evidence/x/allocator.jsonl".into(),
                svg: String::new(),
                samples: 40,
                coverage: None,
                source: "jemalloc at 10 Hz".into(),
                overhead: Some(1.01),
                missing,
                peak: None,
                stalls: None,
                ..ProfileSummary::default()
            });
        }
        let index = self.trials.len() as u32 + 1;
        let evidence = TrialRecord {
            index,
            block: None,
            variant: variants[0].clone(),
            kind: TrialKind::Evidence(EvidenceKind::Allocator),
            ..self.trials[0].clone()
        };
        self.timelines.insert(index, self.timelines.values().next().cloned().unwrap_or_default());
        self.trials.push(evidence);
        self.allocator.insert(variants[0].clone(), super::allocator::tests::record());
        self
    }

    /// A recording of tokio-console of the first variant with every fault; that of the second is missing.
    pub(super) fn with_console(mut self) -> Self {
        use crate::run::console::fixture::{HOOKS, faulty};
        let variants: Vec<String> = self.summary.variants.iter().map(|variant| variant.name.clone()).collect();
        for (variant, missing) in variants.iter().zip([None, Some("it crashed".to_owned())]) {
            self.summary.profiles.push(ProfileSummary {
                variant: variant.clone(),
                kind: "console".into(),
                path: "evidence/x/console.jsonl".into(),
                svg: String::new(),
                samples: 3121,
                coverage: None,
                source: "tokio-console's protocol".into(),
                overhead: Some(5.3),
                peak: None,
                stalls: None,
                missing,
                ..ProfileSummary::default()
            });
        }
        let view = crate::console::view(&faulty().recording(10, Some(HOOKS)), None);
        self.console.insert(variants[0].clone(), view);
        self
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
