//! What a gate decided, as it stands in `run.json`.

use serde::{Deserialize, Serialize};

/// A gate's verdict and what it stands on.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateOutcome {
    /// Over all limits.
    pub verdict: GateVerdict,
    /// Exit code of the command: 0, 10 or 11 (2 where nothing may be compared, 12 where a subject failed).
    pub exit: u8,
    /// One sentence for people.
    pub sentence: String,
    /// What was measured against.
    pub base: GateSide,
    /// What was judged.
    pub candidate: GateSide,
    /// What `cannot_tell` means for the exit code.
    pub on_cannot_tell: OnCannotTell,
    /// Chance of calling a limit broken that holds, over all limits and looks together, at most.
    pub alpha: f64,
    /// Numbers of pairs at which the gate looked or would have looked.
    pub looks: Vec<u32>,
    /// Pairs that were measured.
    pub pairs: u32,
    /// Why it ended there.
    pub stopped: Stopped,
    /// Every limit, in the order given: those of the scenario file first, then those of the command line.
    pub limits: Vec<LimitOutcome>,
}

/// What a gate says.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    /// Every limit is held.
    Passed,
    /// At least one limit is broken.
    Broken,
    /// None is shown to be broken, and not all are shown to be held.
    CannotTell,
    /// A limit must not be judged on what was measured.
    NotComparable,
    /// A subject failed before a limit was shown to be broken.
    SubjectFailed,
}

/// What `cannot_tell` means for the exit code.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCannotTell {
    /// 11.
    #[default]
    Fail,
    /// 0, and the report still says that nothing was shown.
    Pass,
}

/// Why a gate took no more pairs.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// A look decided before the last.
    Early,
    /// All pairs that were planned were measured.
    AllPairs,
    /// The time was up.
    OutOfTime,
    /// A person, a signal or a failed subject ended it.
    CutShort,
}

/// One side of a gate.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GateSide {
    /// Variant of this run.
    pub variant: String,
    /// The scenario's variant that it is.
    #[serde(default)]
    pub original: String,
    /// Where it comes from, for people: `baseline main (commit 0123456)`, `this build`, `revision main`.
    pub from: String,
    /// Git commit; empty where unknown.
    #[serde(default)]
    pub commit: String,
    /// Hash of the program (hex); empty where it could not be read.
    #[serde(default)]
    pub binary: String,
}

/// What became of one limit.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitOutcome {
    /// As written: `cpu_per_op<+3%`.
    pub limit: String,
    /// Metric, with its operation where it names one.
    pub metric: String,
    /// Variant that it was applied to.
    pub candidate: String,
    /// Where it is written; `None` for the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<LimitSource>,
    /// Verdict.
    pub verdict: LimitVerdict,
    /// `estimate`, `low`, `high` and `bound` are candidate ÷ base; otherwise they are the candidate's own values.
    pub relative: bool,
    /// What the limit allows: a ratio (1.03), or a value in `unit`.
    pub bound: f64,
    /// True where values above `bound` break the limit, false where those below do.
    pub upper: bool,
    /// Unit of values: `s`, `s/op`, `B`, …; of `bound` too, unless it is relative.
    pub unit: String,
    /// Estimate.
    pub estimate: Option<f64>,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Level of the interval, 0.95; it is adjusted for looks that were taken before.
    pub level: f64,
    /// Median over the base's trials, in `unit`.
    #[serde(default)]
    pub base_value: Option<f64>,
    /// The same of the candidate.
    #[serde(default)]
    pub candidate_value: Option<f64>,
    /// Pairs behind it (trials of the candidate where it is not relative; its evidence trials where `counted`).
    pub pairs: u32,
    /// True where evidence trials counted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// For `cannot_tell`: pairs that would tell.
    #[serde(default)]
    pub pairs_needed: Option<u32>,
    /// Why there is no verdict.
    #[serde(default)]
    pub why: Option<String>,
    /// All of it in one sentence.
    pub sentence: String,
}

/// What became of a limit.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitVerdict {
    /// Shown to be broken.
    Broken,
    /// Must not be judged on these trials; `why` says so.
    NotComparable,
    /// Neither was shown.
    CannotTell,
    /// Shown to be held.
    Held,
}

/// Where a limit is written.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitSource {
    /// File as it was given.
    pub file: String,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
}
