//! Findings as they stand in `run.json` and `--json`.

use serde::{Deserialize, Serialize};

/// A named cause.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Variant.
    pub variant: String,
    /// Slug of the mechanism.
    pub rule: String,
    /// 1 is the most important of its variant.
    pub rank: u32,
    /// One line.
    pub title: String,
    /// Part of the excess latency explained, 0 to 1; of `allocator-churn`, of the CPU; 1 of what has no part in latency.
    pub share: f64,
    /// Where.
    pub culprit: Option<Culprit>,
    /// Functions of the program in the stack with most of it, innermost first, the culprit among them: what it called and
    /// who called it. Empty where no stack was seen.
    #[serde(default)]
    pub path: Vec<Culprit>,
    /// Evidence, one sentence each.
    pub evidence: Vec<String>,
    /// What would be seen if it were wrong.
    #[serde(default)]
    pub refuted_by: String,
    /// Command to run next.
    pub next: String,
    /// Kind of evidence that proves it, [`EvidenceKind::name`](crate::run::EvidenceKind::name); `latency` or `levels` for
    /// what was measured, `binary` for the program's file.
    #[serde(default)]
    pub proof: String,
}

/// A place in a program.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Culprit {
    /// Function.
    pub function: String,
    /// Source file; empty where unknown.
    pub file: String,
    /// Line, from 1; 0 where unknown.
    pub line: u32,
}

/// A mechanism that was looked for and is not there.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuledOut {
    /// Variant.
    pub variant: String,
    /// Slug of the mechanism.
    pub rule: String,
    /// What was seen instead, one sentence.
    pub because: String,
}

/// Evidence that findings could not use, or only in part.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unused {
    /// Variant.
    pub variant: String,
    /// [`EvidenceKind::name`](crate::run::EvidenceKind::name), `latency`, `levels` or `binary`.
    pub evidence: String,
    /// Why, and what would mend it.
    pub because: String,
    /// Slugs of the mechanisms that nothing is said about without it; empty where it was used in part.
    pub rules: Vec<String>,
}

/// Causes that the evidence does not tell apart.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undecided {
    /// Variant.
    pub variant: String,
    /// Slugs of the mechanisms that remain.
    pub rules: Vec<String>,
    /// What was seen, and what each would mean.
    pub sentence: String,
    /// Command whose result decides.
    pub experiment: String,
}

/// Everything that the evidence of a run says of causes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Named causes, variant by variant, the most important first.
    pub findings: Vec<Finding>,
    /// Mechanisms that remain where one cannot tell.
    pub undecided: Vec<Undecided>,
    /// Mechanisms that are not there.
    pub ruled_out: Vec<RuledOut>,
    /// What could not be used.
    pub unused: Vec<Unused>,
}

impl Culprit {
    /// Whether both are in the same function.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        self.function == other.function && self.file == other.file
    }

    /// What the source of Rust's calls the function: `pay` of `shop::Till::pay`.
    pub(super) fn name(&self) -> &str {
        self.function.rsplit("::").next().unwrap_or_default()
    }

    /// `shop::pay (src/pay.rs:41)`; what is not known is left out.
    pub fn sentence(&self) -> String {
        match (self.file.as_str(), self.line) {
            ("", _) => self.function.clone(),
            (file, 0) => format!("{} ({file})", self.function),
            (file, line) => format!("{} ({file}:{line})", self.function),
        }
    }
}
