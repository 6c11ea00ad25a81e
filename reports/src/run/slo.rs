//! What a run says of a service-level objective.

use serde::{Deserialize, Serialize};

/// A service-level objective: what part of operations must be good.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// Part of operations that must be good, between 0 and 1.
    pub objective: f64,
    /// An operation answered later than this after its intended time is bad, seconds; where absent only failures are.
    pub latency_s: Option<f64>,
    /// Length of the window that the error budget is for, seconds.
    pub window_s: f64,
}

impl Slo {
    /// Part of operations that may be bad.
    pub fn allowed(&self) -> f64 {
        1.0 - self.objective
    }
}

/// Measured operations of one trial.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SloCount {
    /// Position of the trial in the plan.
    pub trial: u32,
    /// Variant.
    pub variant: String,
    /// Measured operations of the open loop, however they ended.
    pub operations: u64,
    /// Of these, errors, timeouts and unanswered.
    pub failed: u64,
    /// Of these, answered correctly and too late.
    pub slow: u64,
}

/// What a run says of its objective.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SloSummary {
    /// The objective.
    pub slo: Slo,
    /// How fast each variant burns the budget.
    pub burn: Vec<BurnRate>,
}

/// How fast a variant burns its error budget: part of bad operations ÷ part that may be bad. At 1 the budget is spent
/// when the window ends.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BurnRate {
    /// Variant.
    pub variant: String,
    /// Operations that count.
    pub operations: u64,
    /// Of these, errors, timeouts and unanswered.
    pub failed: u64,
    /// Of these, answered too late.
    pub slow: u64,
    /// Burn rate; absent without operations.
    pub rate: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// How much more bad operations vary between trials than chance alone would have it; the interval counts operations ÷
    /// this. 1 where they do not.
    pub design_effect: f64,
    /// Verdict.
    pub verdict: SloVerdict,
    /// For `cannot_tell`: about how many operations would tell, if this rate is the true one; absent where none would.
    pub operations_needed: Option<u64>,
    /// Why there is nothing to judge.
    #[serde(default)]
    pub why: Option<String>,
}

/// Whether the objective holds.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SloVerdict {
    /// The whole interval is at or below a burn rate of 1.
    Met,
    /// The whole interval is above it.
    Missed,
    /// Too few operations to tell.
    CannotTell,
}

/// The error budget that was left in production.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetRecord {
    /// Part of the budget that is left: 1 all of it, 0 none, below 0 overspent.
    pub remaining: f64,
    /// Where the number comes from: `given`, a file or an address.
    pub source: String,
    /// Releases are frozen below this.
    pub freeze_below: f64,
    /// True where it is below.
    pub frozen: bool,
    /// Why somebody went on all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<String>,
}
