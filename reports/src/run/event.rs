//! `events.jsonl`.

use serde::{Deserialize, Serialize};

use super::{Settings, Status, TrialOutcome};

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run began, or went on after an interruption.
    RunStarted {
        /// RFC 3339.
        at: String,
        /// True where `--resume` continued it.
        resumed: bool,
    },
    /// A variant's settings were read back from a preflight child.
    Preflight {
        /// Variant.
        variant: String,
        /// Effective settings.
        effective: Settings,
    },
    /// A trial began.
    TrialStarted {
        /// RFC 3339.
        at: String,
        /// Position in the plan.
        index: u32,
    },
    /// A trial ended; its directory is complete. This line is fsynced.
    TrialFinished {
        /// RFC 3339.
        at: String,
        /// Position in the plan.
        index: u32,
        /// Outcome.
        outcome: TrialOutcome,
    },
    /// Something a reader of the run should know.
    Warning {
        /// RFC 3339.
        at: String,
        /// Text.
        message: String,
    },
    /// The run ended.
    RunFinished {
        /// RFC 3339.
        at: String,
        /// How.
        status: Status,
    },
}
