//! Baselines: named runs whose programs are kept, so that they can be measured again beside a new one.
//!
//! ```text
//! .workbench/baselines/main.json             what was measured, where and by what; written last, by rename
//! .workbench/binaries/<hash>/<file name>     the programs, by content
//! ```
//! An exported baseline is a folder of the same two: `baseline.json` and `binaries/`. Stored numbers alone serve history;
//! a gate measures the kept program again.

mod shelf;

use serde::{Deserialize, Serialize};

pub use shelf::{BaselineError, Found, Shelf, Shelved};

use crate::run::{BuildInfo, LoadedRun, Machine, Metrics, TrialKind, TrialOutcome, VariantSummary};

/// Major version of the file.
pub const FORMAT: u32 = 1;

/// A named run with its programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// [`FORMAT`].
    pub format: u32,
    /// Name that a person gave it.
    pub name: String,
    /// RFC 3339.
    pub saved_at: String,
    /// Id of the run.
    pub run: String,
    /// Scenario.
    pub scenario: String,
    /// Version of the scenario: what is measured under another one is not comparable.
    pub scenario_version: u32,
    /// Hash of the resolved scenario (hex).
    pub scenario_hash: String,
    /// Seed of order and arrivals.
    pub seed: u64,
    /// What measured.
    pub build: BuildInfo,
    /// Where: its fingerprint is what stored numbers must agree on.
    pub host: Machine,
    /// Version of the talk between workbench and its child; `None` for programs that are not ours.
    #[serde(default)]
    pub protocol: Option<u32>,
    /// Kept programs, one for each variant.
    pub programs: Vec<KeptProgram>,
    /// Results.
    pub variants: Vec<VariantSummary>,
    /// Measured trials.
    pub trials: Vec<KeptTrial>,
}

/// A kept program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptProgram {
    /// Variant that ran it.
    pub variant: String,
    /// Hash of the file (hex).
    pub hash: String,
    /// Its name without folders.
    pub file: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Program and arguments as they were given; empty for a scenario's own workload.
    #[serde(default)]
    pub command: Vec<String>,
}

/// A measured trial of a baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptTrial {
    /// Variant.
    pub variant: String,
    /// Block.
    pub block: Option<u32>,
    /// Whether the driver could not keep up.
    pub driver_limited: bool,
    /// Metrics.
    pub metrics: Metrics,
    /// What the host did meanwhile.
    pub noise: Metrics,
}

impl Baseline {
    /// A run as a baseline, still without programs.
    pub fn of(name: &str, saved_at: &str, run: &LoadedRun, variants: Vec<VariantSummary>) -> Self {
        let well = run.trials.iter().filter(|t| t.kind == TrialKind::Measure && t.outcome == TrialOutcome::Ok);
        Self {
            format: FORMAT,
            name: name.to_owned(),
            saved_at: saved_at.to_owned(),
            run: run.id.clone(),
            scenario: run.plan.scenario.clone(),
            scenario_version: run.plan.scenario_version,
            scenario_hash: run.plan.scenario_hash.clone(),
            seed: run.plan.seed,
            build: run.plan.build.clone(),
            host: run.machine.clone(),
            protocol: None,
            programs: Vec::new(),
            variants,
            trials: well
                .map(|trial| KeptTrial {
                    variant: trial.variant.clone(),
                    block: trial.block,
                    driver_limited: trial.driver.limited.is_some(),
                    metrics: trial.metrics.clone(),
                    noise: trial.noise.clone(),
                })
                .collect(),
        }
    }

    /// The kept program of a variant; where only one program was kept, it is that of every variant.
    pub fn program(&self, variant: &str) -> Option<&KeptProgram> {
        self.programs.iter().find(|kept| kept.variant == variant).or_else(|| match self.programs.as_slice() {
            [first, rest @ ..] if rest.iter().all(|other| other.hash == first.hash) => Some(first),
            _ => None,
        })
    }
}
