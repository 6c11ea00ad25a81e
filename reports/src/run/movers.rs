//! What moved between two variants: functions and crates by CPU per operation, from their CPU evidence.

use serde::{Deserialize, Serialize};

/// A candidate against the base, or why they are not set against each other.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Movers {
    /// Base variant.
    pub base: String,
    /// Candidate variant.
    pub candidate: String,
    /// Evidence trials of each, paired in the order they ran.
    pub pairs: u32,
    /// Why the two must not be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What the reader should know, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// Picture of both within the run directory; empty where there is none.
    #[serde(default)]
    pub svg: String,
    /// CPU per operation of everything, seconds.
    pub all: Moved,
    /// Functions, the surest and largest changes first.
    pub functions: Vec<MoverRow>,
    /// Crates, likewise.
    pub crates: Vec<MoverRow>,
}

/// A function or a crate.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MoverRow {
    /// Readable name.
    pub name: String,
    /// Source file; empty where unknown, and of crates.
    #[serde(default)]
    pub file: String,
    /// Line that most of it was spent at, from 1; 0 where unknown.
    #[serde(default)]
    pub line: u32,
    /// False of runtimes, the standard library and the kernel.
    pub own: bool,
    /// CPU spent in it itself.
    pub exclusive: Moved,
    /// The same with all that it calls.
    pub inclusive: Moved,
}

/// CPU per operation on both sides, seconds.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Mean of the base's trials.
    pub base: f64,
    /// Mean of the candidate's.
    pub candidate: f64,
    /// Lower end of the 95 % interval of candidate − base; absent with fewer than two pairs.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// p after Benjamini and Hochberg over everything that was looked at; absent likewise.
    pub p_adjusted: Option<f64>,
    /// What was shown.
    pub change: MoveKind,
}

/// Whether something moved.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveKind {
    /// Nothing was shown.
    #[default]
    Unsure,
    /// The candidate spends more an operation.
    Grew,
    /// It spends less.
    Shrank,
}

impl Moved {
    /// Candidate − base, seconds an operation.
    pub fn difference(&self) -> f64 {
        self.candidate - self.base
    }

    /// Only the candidate has it.
    pub fn is_new(&self) -> bool {
        self.base == 0.0 && self.candidate > 0.0
    }

    /// Only the base has it.
    pub fn is_gone(&self) -> bool {
        self.candidate == 0.0 && self.base > 0.0
    }
}

impl MoverRow {
    /// Whether anything was shown of it.
    pub fn moved(&self) -> bool {
        self.exclusive.change != MoveKind::Unsure || self.inclusive.change != MoveKind::Unsure
    }
}
