//! From a resolved scenario to an ordered list of trials. Pure: the same input gives the same plan.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use reports::run::{
    BackgroundLoad, BuildInfo, CpuSampling, EvidenceKind, FORMAT, HeapBackend, Phases, Plan, PlannedTrial,
    PlannedVariant, TrialKind, Waits,
};
use scenarios::spec::{Arrivals, Scenario, Variant};
use sha2::{Digest, Sha256};

use crate::digest;
use crate::load::{OpenSpec, ladder};

/// What a plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Scenario with overrides applied.
    pub scenario: &'a Scenario,
    /// Variants with merged settings, the base first.
    pub variants: &'a [Variant],
    /// Randomised complete blocks.
    pub blocks: u32,
    /// Evidence to gather at the end: a trial of each variant for each kind.
    pub evidence: &'a [EvidenceKind],
    /// Trials of each variant for CPU evidence, at least one: several tell differences from chance.
    pub evidence_trials: u32,
    /// As many of every other kind, too: a gate judges by what several count.
    pub every_kind: bool,
    /// Gather it at the rate for incidents, where its kind has one.
    pub incident: bool,
    /// How CPU evidence is sampled, where it is among them.
    pub cpu: CpuSampling,
    /// Who samples heap evidence, where it is among them.
    pub heap: HeapBackend,
    /// A poll longer than this is caught as a stall, seconds, where tasks are among them.
    pub stall_after_s: f64,
    /// Which of their waits for a worker are measured, where tasks are among them.
    pub task_waits: Waits,
    /// Seed of the order and of every arrival schedule.
    pub seed: u64,
    /// What will measure.
    pub build: &'a BuildInfo,
    /// Name of the file that recorded arrivals are from, where there are any.
    pub recorded: Option<&'a str>,
}

/// Lays out randomised complete blocks, then the evidence trials.
///
/// Evidence comes last: whoever interrupts a run has its measurements.
pub fn plan(request: &Request<'_>) -> Plan {
    let Request {
        scenario,
        variants,
        blocks,
        evidence,
        evidence_trials,
        every_kind,
        incident,
        cpu,
        heap,
        stall_after_s,
        task_waits,
        seed,
        build,
        recorded,
    } = *request;
    let mut order = ChaCha8Rng::seed_from_u64(seed);
    let mut trials = Vec::new();
    let mut push = |block, variant: &Variant, kind| {
        let index = u32::try_from(trials.len() + 1).unwrap_or(u32::MAX);
        trials.push(PlannedTrial { index, block, variant: variant.name.clone(), kind });
    };
    for block in 1..=blocks {
        let mut shuffled: Vec<&Variant> = variants.iter().collect();
        shuffled.shuffle(&mut order);
        for variant in shuffled {
            push(Some(block), variant, TrialKind::Measure);
        }
    }
    for kind in evidence {
        for variant in variants {
            push(None, variant, TrialKind::Evidence(*kind));
        }
        // Blocks, too: what drifts meanwhile is in both sides of a pair.
        let further = if every_kind || *kind == EvidenceKind::Cpu { evidence_trials.saturating_sub(1) } else { 0 };
        for _ in 0..further {
            let mut shuffled: Vec<&Variant> = variants.iter().collect();
            shuffled.shuffle(&mut order);
            for variant in shuffled {
                push(None, variant, TrialKind::Evidence(*kind));
            }
        }
    }
    let schedule_hashes =
        (1..=blocks).map(|block| OpenSpec::new(scenario, block_seed(seed, Some(block))).schedule().hash()).collect();
    Plan {
        format: FORMAT,
        scenario: scenario.name.clone(),
        scenario_version: scenario.version,
        scenario_hash: scenario_hash(&scenarios::file::to_toml(scenario)),
        seed,
        blocks,
        variants: variants
            .iter()
            .map(|variant| PlannedVariant {
                name: variant.name.clone(),
                summary: variant.summary.clone(),
                requested: variant.settings.clone(),
                command: scenario.subject.as_ref().map(|program| program.command_of(variant)).unwrap_or_default(),
            })
            .collect(),
        trials,
        schedule_hashes,
        incident,
        phases: Phases { arrivals: arrivals(scenario, recorded), ..phases(scenario) },
        target: scenario.subject.as_ref().map(|program| program.target.to_string()),
        cpu: evidence.contains(&EvidenceKind::Cpu).then_some(cpu),
        heap: evidence.contains(&EvidenceKind::Heap).then_some(heap),
        stall_after_s: evidence.contains(&EvidenceKind::Tasks).then_some(stall_after_s),
        task_waits: evidence.contains(&EvidenceKind::Tasks).then_some(task_waits),
        attached: None,
        slo: scenario.slo.as_ref().map(crate::slo::plain),
        late: None,
        build: build.clone(),
    }
}

/// Seed of everything random in the trials of a block: the same for every variant, so that pairs face equal work.
/// Evidence trials share one of their own.
pub fn block_seed(seed: u64, block: Option<u32>) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(block.unwrap_or(0).to_le_bytes());
    let digest = hash.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

/// Blocks that fit in a budget of wall time beside this many kinds of evidence, at least one.
pub fn blocks_within(budget_s: f64, scenario: &Scenario, variants: usize, evidence: usize) -> u32 {
    let phases = phases(scenario);
    let trial_s = trial_seconds(&phases);
    let ladder = phases.ladder.as_ref().map_or((0.0, 0.0), |ladder| (ladder.seconds, f64::from(ladder.blocks)));
    #[allow(clippy::cast_precision_loss, reason = "a handful of each")]
    let (variants, evidence) = (variants as f64, evidence as f64);
    let left = budget_s - evidence * variants * (trial_s + EVIDENCE_EXTRA_S);
    let first = left / (variants * (trial_s + ladder.0));
    let all = if first <= ladder.1 { first } else { (left / variants - ladder.1 * ladder.0) / trial_s };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a small positive range")]
    let blocks = all.floor().clamp(1.0, 10_000.0) as u32;
    blocks
}

/// Start, read-back, drain and exit of a trial, measured on two cores.
const OVERHEAD_S: f64 = 0.35;
/// Symbolising a profile.
const EVIDENCE_EXTRA_S: f64 = 1.5;

/// Expected seconds of the trials of a plan that are yet to run.
pub fn seconds(plan: &Plan, to_run: impl Fn(&PlannedTrial) -> bool) -> f64 {
    let each = trial_seconds(&plan.phases);
    let climb = |trial: &PlannedTrial| match &plan.phases.ladder {
        Some(ladder) if ladder::drives(ladder, trial) => ladder.seconds,
        _ => 0.0,
    };
    plan.trials.iter().filter(|trial| to_run(trial)).map(|trial| each + climb(trial)).sum()
}

/// Expected seconds of the evidence trials of a plan.
pub fn evidence_seconds(plan: &Plan) -> f64 {
    let trials = plan.trials.iter().filter(|trial| trial.kind.evidence().is_some()).count();
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let trials = trials as f64;
    trials * (trial_seconds(&plan.phases) + EVIDENCE_EXTRA_S)
}

/// Expected seconds of one trial, but for the ladder.
pub fn trial_seconds(phases: &Phases) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "operation counts are far below 2^52")]
    let open = if phases.rate > 0.0 { phases.operations as f64 / phases.rate } else { 0.0 };
    phases.warmup_s + phases.saturated_s + open + OVERHEAD_S
}

fn phases(scenario: &Scenario) -> Phases {
    let load = &scenario.load;
    Phases {
        warmup_s: scenario.trial.warmup.as_secs_f64(),
        saturated_s: scenario.trial.saturated.as_secs_f64(),
        operations: load.operations,
        rate: load.rate,
        arrivals: arrivals(scenario, None),
        concurrency: load.concurrency,
        timeout_s: load.timeout.as_secs_f64(),
        background: scenario.mix.iter().filter_map(background).collect(),
        ladder: ladder::planned(scenario),
    }
}

/// The arrival process, in a word or two.
fn arrivals(scenario: &Scenario, recorded: Option<&str>) -> String {
    match (&scenario.load.trace, scenario.load.arrivals) {
        (Some(trace), _) => {
            let from = recorded.map_or_else(String::new, |file| format!(" in {file}"));
            let scale = if trace.scale == 1.0 { String::new() } else { format!(", {} times over", trace.scale) };
            format!("recorded{from}{scale}")
        }
        (None, Arrivals::Poisson) => "poisson".to_owned(),
        (None, Arrivals::Constant) => "constant".to_owned(),
        (None, Arrivals::Closed) => "closed".to_owned(),
    }
}

fn background(operation: &scenarios::spec::Operation) -> Option<BackgroundLoad> {
    Some(BackgroundLoad { operation: operation.name.clone(), rate: operation.rate? })
}

/// What [`Plan::scenario_hash`] says of a resolved scenario's text.
pub fn scenario_hash(text: &str) -> String {
    digest::of(text)
}

#[cfg(test)]
pub(crate) mod tests;
