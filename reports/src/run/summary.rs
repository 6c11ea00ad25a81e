//! `run.json` and the `--json` document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::findings::{Culprit, Finding, RuledOut, Undecided, Unused};

use super::{
    Attached, Breach, BudgetRecord, BuildInfo, GateOutcome, Heed, LevelSummary, Machine, Movers, Place, Settings,
    SloSummary, StallClass, StallRecord, Stalls, Status, TraceCase,
};

/// `run.json` and the `--json` document.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// Run id: `<utc date-time>-<scenario>-<4 letters>`.
    pub run: String,
    /// Where it lies; empty in `run.json`, since a run may be moved. Filled in for `--json`.
    #[serde(default)]
    pub path: String,
    /// Scenario name.
    pub scenario: String,
    /// Scenario version.
    pub scenario_version: u32,
    /// One sentence about the scenario.
    #[serde(default)]
    pub summary: String,
    /// How the run ended.
    pub status: Status,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339.
    pub finished_at: String,
    /// Seed.
    pub seed: u64,
    /// What measured.
    pub build: BuildInfo,
    /// Where.
    pub host: Machine,
    /// One sentence a person can act on.
    pub verdict: String,
    /// What the reader should know before trusting the numbers.
    pub warnings: Vec<String>,
    /// Results per variant.
    pub variants: Vec<VariantSummary>,
    /// Every variant against the first.
    pub comparisons: Vec<Comparison>,
    /// Evidence files.
    pub profiles: Vec<ProfileSummary>,
    /// Named causes, variant by variant, the most important first.
    pub findings: Vec<Finding>,
    /// Causes that the evidence does not tell apart.
    #[serde(default)]
    pub undecided: Vec<Undecided>,
    /// Mechanisms that were looked for and are not there.
    #[serde(default)]
    pub ruled_out: Vec<RuledOut>,
    /// Evidence that findings could not use.
    #[serde(default)]
    pub unused: Vec<Unused>,
    /// What was seen of a process that ran already; `None` for runs that measured something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<Attached>,
    /// What moved between the first variant and each other, by their CPU evidence.
    #[serde(default)]
    pub movers: Vec<Movers>,
    /// What ran while operations were late, by variant, in short: `breach.json` of its evidence has all of it.
    #[serde(default)]
    pub late: Vec<LateSummary>,
    /// What the worst delays and waits of tasks were for, where they were traced from outside.
    #[serde(default)]
    pub blame: Vec<Blame>,
    /// What the gate decided; `None` where nothing was gated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateOutcome>,
    /// How fast the error budget burns; `None` where the scenario has no objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<SloSummary>,
    /// The error budget that was left in production, where somebody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetRecord>,
}

/// The breach profile of a variant in short.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LateSummary {
    /// Variant.
    pub variant: String,
    /// Without its single windows, and with the functions that stand out most.
    pub breach: Breach,
}

impl LateSummary {
    /// Functions kept.
    const MOST: usize = 5;

    /// The short of a record.
    pub fn of(variant: &str, breach: &Breach) -> Self {
        let rows = breach.rows.iter().take(Self::MOST).cloned().collect();
        Self { variant: variant.to_owned(), breach: Breach { rows, windows: Vec::new(), ..breach.clone() } }
    }
}

/// A delay or a wait of a task, followed back to what it was for.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blame {
    /// Variant.
    pub variant: String,
    /// In words.
    pub sentence: String,
    /// As data, without its timeline.
    pub case: TraceCase,
}

/// Results of one variant.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VariantSummary {
    /// Name.
    pub name: String,
    /// One sentence, may be empty.
    #[serde(default)]
    pub summary: String,
    /// Effective settings, read back.
    pub knobs: Settings,
    /// Settings asked for (what makes this variant differ).
    #[serde(default)]
    pub requested: Settings,
    /// Measured trials that ended well.
    pub trials: u32,
    /// Of these, trials whose driver could not keep up.
    pub driver_limited: u32,
    /// Measured trials whose subject failed.
    pub failed: u32,
    /// Names of the operations that `latency.*` covers.
    pub measured_operations: Vec<String>,
    /// Closed loops of rising concurrency, merged over trials; empty where none were driven.
    #[serde(default)]
    pub levels: Vec<LevelSummary>,
    /// Latencies come from merged histograms, everything else is the median over trials.
    pub metrics: BTreeMap<String, MetricValue>,
    /// Standard error of the mean of ln(metric) over trials, of metrics that are compared and above zero in every trial.
    #[serde(default)]
    pub log_errors: super::Metrics,
    /// Whether a program that is not ours heeds the settings that it was given in variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heeded: BTreeMap<String, Heed>,
}

/// A number with its unit.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricValue {
    /// Value.
    pub value: f64,
    /// Unit: `s`, `B`, `ops/s`, `1`, `ops`, `B/op`, …
    pub unit: String,
}

/// What a comparison concluded.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Shown to be better.
    Improved,
    /// Shown to be worse.
    Regressed,
    /// Shown to be within the stated margin.
    Same,
    /// Nothing was shown.
    CannotTell,
    /// Must not be compared; `why` says so.
    NotComparable,
}

/// One metric of one variant against the base.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Base variant.
    pub base: String,
    /// Candidate variant.
    pub candidate: String,
    /// Metric name.
    pub metric: String,
    /// Operations behind a latency metric.
    #[serde(default)]
    pub operations: Vec<String>,
    /// Hodges–Lehmann estimate of candidate ÷ base. Absent without pairs.
    pub ratio: Option<f64>,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Pairs used.
    pub pairs: u32,
    /// Two-sided signed-rank p.
    pub p: Option<f64>,
    /// The same after Holm over every variant and metric of the run.
    pub p_adjusted: Option<f64>,
    /// Verdict.
    pub verdict: Verdict,
    /// Smallest relative change that these pairs would have shown with 95 % power, e.g. 0.04.
    pub detectable: Option<f64>,
    /// For `cannot_tell`: pairs that would be needed to see the minimum effect of this metric.
    pub pairs_needed: Option<u32>,
    /// For `same`: the margin, e.g. 0.03.
    pub margin: Option<f64>,
    /// Why there is no verdict.
    #[serde(default)]
    pub why: Option<String>,
}

/// One evidence file.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProfileSummary {
    /// Variant.
    pub variant: String,
    /// [`EvidenceKind::name`](super::EvidenceKind::name).
    pub kind: String,
    /// Path within the run directory; empty where missing.
    pub path: String,
    /// Flamegraph within the run directory; empty where missing.
    pub svg: String,
    /// Samples; polls where it is `tasks`.
    pub samples: u64,
    /// Sampled CPU ÷ CPU the kernel counted.
    pub coverage: Option<f64>,
    /// Who sampled, e.g. `pprof 99 Hz in the process`.
    pub source: String,
    /// The evidence trial's `cpu_per_op` ÷ the measured trials' median: what profiling cost.
    pub overhead: Option<f64>,
    /// Where evidence is missing: why.
    #[serde(default)]
    pub missing: Option<String>,
    /// Heap profiles: the moment of most live memory.
    #[serde(default)]
    pub peak: Option<HeapPeak>,
    /// Of tasks: polls that took too long; `None` where nobody was to look for them.
    #[serde(default)]
    pub stalls: Option<StallSummary>,
    /// Numbers that this evidence gives, of its own trial: never compared.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, MetricValue>,
}

/// What `stalls.jsonl` says, in short.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StallSummary {
    /// A poll longer than this is a stall, seconds.
    pub threshold_s: f64,
    /// Polls beyond the threshold that the task hooks counted: what there was to catch.
    pub counted: u64,
    /// Those that were caught while they lasted.
    pub seen: u64,
    /// Those by class.
    pub classes: BTreeMap<StallClass, u64>,
    /// The longest, the code's doing first.
    pub longest: Vec<StallLine>,
    /// Seconds between two looks, as asked for.
    #[serde(default)]
    pub interval_s: f64,
    /// The longest time between two looks, seconds.
    #[serde(default)]
    pub longest_gap_s: f64,
    /// Why no stacks could be taken.
    pub no_stacks: Option<String>,
    /// Why nobody looked for stalls.
    pub missing: Option<String>,
}

/// One stall in short.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StallLine {
    /// Why it took so long.
    pub class: StallClass,
    /// How long it took, seconds.
    pub duration_s: f64,
    /// Where its task was spawned.
    pub site: Place,
    /// The function to blame.
    pub culprit: Option<Culprit>,
}

impl StallSummary {
    /// Stalls that are named one by one.
    const MOST: usize = 5;

    /// The short form.
    pub fn of(stalls: &Stalls) -> Self {
        let line = |stall: &StallRecord| StallLine {
            class: stall.class,
            duration_s: stall.duration_s,
            site: stall.site.clone(),
            culprit: stall.culprit.clone(),
        };
        let watch = stalls.watch.as_ref();
        Self {
            threshold_s: watch.map_or(0.0, |watch| watch.threshold_s),
            counted: watch.map_or(0, |watch| watch.counted),
            seen: watch.map_or(0, |watch| watch.seen),
            classes: stalls.by_class().into_iter().collect(),
            longest: stalls.ranked().into_iter().take(Self::MOST).map(line).collect(),
            interval_s: watch.map_or(0.0, |watch| watch.interval_s),
            longest_gap_s: watch.map_or(0.0, |watch| watch.longest_gap_s),
            no_stacks: watch.and_then(|watch| watch.no_stacks.clone()),
            missing: stalls.missing.clone(),
        }
    }
}

/// The moment of most live memory within a heap profile, with the profile of what was in use then.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeapPeak {
    /// Profile within the run directory.
    pub path: String,
    /// Flamegraph within the run directory; empty where there is none.
    pub svg: String,
    /// Seconds after the profile began.
    pub at_s: f64,
    /// Bytes that were live then, counted.
    pub live_bytes: u64,
    /// What of them the profile shows, estimated ÷ `live_bytes`. The rest is older than the profile.
    pub coverage: f64,
}
