//! A gate: a candidate against a base, measured here and now in adjacent pairs, until its limits are decided.
//!
//! Numbers from another sitting decide nothing: the base's *program* is kept (or built from its revision) and runs
//! interleaved with the candidate, a fresh process each, under the same arrivals.

mod ask;
mod building;
mod outcome;
mod referee;
mod revision;
mod sides;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reports::baseline::Shelf;
use reports::limits::{GateSide, Judge, Limit, OnCannotTell};
use reports::stats::GATE_ALPHA;
use scenarios::catalog::Catalog;
use scenarios::spec::{Ladder, Scenario, Variant};

pub use self::referee::{Gate, GateReferee};
use crate::exit::Refusal;
use crate::session::{self, Prepared, Wish};
use crate::{build_info, plan};

/// Variant of the base in a gate's run.
pub const BASE: &str = "base";
/// Variant of what is judged.
pub const CANDIDATE: &str = "new";
/// Pairs at most, unless a budget says otherwise (design 06 §12).
const MOST_PAIRS: u32 = 32;
/// Evidence trials of each side, where a limit is on what they count: 10 degrees of freedom for how much trials differ.
const EVIDENCE_PAIRS: u32 = 6;
/// Counts need no stacks of long polls, and to name their functions takes longer than the trial.
const NO_STALLS: Duration = Duration::from_secs(3_600);
/// More pairs than this are never planned, whatever the budget.
const PAIRS_LIMIT: u32 = 240;

/// What somebody wants gated.
#[derive(Debug, Clone)]
pub struct GateWish {
    /// Scenario, program, settings, arrivals, seed and at most one variant.
    pub run: Wish,
    /// What to measure against.
    pub against: Against,
    /// A baseline to judge in the place of this build, or of the program given.
    pub candidate: Option<String>,
    /// Limits of the command line; those of the scenario file are added.
    pub limits: Vec<String>,
    /// Wall time.
    pub budget: Option<Duration>,
    /// Pairs at most, in the place of 32.
    pub pairs: Option<u32>,
    /// What `cannot_tell` means for the exit code.
    pub on_cannot_tell: OnCannotTell,
}

/// What a gate measures against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// A kept program, by the name of its baseline or the folder of an exported one.
    Baseline(String),
    /// A revision of the repository around the working directory, built once and kept.
    Revision {
        /// Whatever `git rev-parse` understands.
        revision: String,
        /// How to build it, by the shell; cargo where absent.
        build: Option<String>,
    },
    /// Another variant of the scenario.
    Variant(String),
    /// The first of the variants by command (`--vary-cmd`).
    First,
}

/// A gate that is ready to run.
#[derive(Debug)]
pub struct PreparedGate {
    /// Scenario, variants and plan.
    pub prepared: Prepared,
    /// The decisions to come.
    pub gate: Gate,
    /// What a person should know before it starts.
    pub notes: Vec<String>,
}

/// Both sides of a gate, with what each runs.
struct Sides {
    base: Side,
    candidate: Side,
    notes: Vec<String>,
}

/// One side.
struct Side {
    /// As a variant of the scenario, with all of its settings.
    variant: Variant,
    /// Executable in the place of this one, for a scenario's own workload.
    program: Option<PathBuf>,
    told: GateSide,
}

/// Turns a wish into a plan with its limits. Measures nothing; builds a revision where one is asked for, telling `say`.
///
/// # Errors
/// A [`Refusal`] with exit code 2 for whatever is wrong with the wish, the limits or the baseline.
pub fn prepare(
    wish: &GateWish,
    catalog: &Catalog,
    root: &Path,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<PreparedGate> {
    let limits = ask::limits(&wish.limits, &wish.run.scenario, catalog)?;
    let mut resolved = session::resolved(&wish.run, catalog)?;
    let evidence = ask::evidence(&limits, resolved.scenario.subject.is_none())?;
    let sides = sides::of(wish, &resolved, &Shelf::at(root), say)?;
    let mut notes = sides.notes;
    shorten(&mut resolved.scenario, &limits);
    let variants = vec![sides.base.variant.clone(), sides.candidate.variant.clone()];
    resolved.scenario.variants = variants.iter().map(|variant| own(variant, &resolved.scenario)).collect();
    resolved.variants = variants;
    if let Some(program) = &resolved.scenario.subject {
        session::possible(program, &resolved.variants, &evidence, &wish.run)?;
    }
    let counted = if evidence.is_empty() { 0 } else { EVIDENCE_PAIRS };
    let pairs = pairs(wish, &resolved.scenario, evidence.len() as u32 * counted)?;
    if pairs < 12 {
        notes.push(format!(
            "{pairs} pairs at most: fewer than 12 show only large changes; a longer `--for` or shorter trials allow more"
        ));
    }
    let build = build_info::read();
    let recorded = session::own_arrivals(&mut resolved);
    let plan = session::plan_of(
        &Wish { stall_after: Some(NO_STALLS), ..wish.run.clone() },
        &resolved,
        pairs,
        session::EvidenceAmount::of_every(&evidence, counted),
        &build,
        recorded.as_deref(),
    )?;
    let reserve = plan::evidence_seconds(&plan);
    let names = [CANDIDATE.to_owned()];
    let judge = Judge::new(&limits, BASE, &names, pairs as usize, GATE_ALPHA).map_err(Refusal::usage)?;
    let programs: BTreeMap<String, PathBuf> = [(BASE, sides.base.program), (CANDIDATE, sides.candidate.program)]
        .into_iter()
        .filter_map(|(name, program)| Some((name.to_owned(), program?)))
        .collect();
    let gate = Gate {
        judge,
        base: sides.base.told,
        candidate: sides.candidate.told,
        programs,
        budget: wish.budget,
        reserve: Duration::from_secs_f64(reserve),
        on_cannot_tell: wish.on_cannot_tell,
    };
    Ok(PreparedGate { prepared: Prepared { resolved, plan }, gate, notes })
}

/// Leaves out of a trial what no limit asks about, so that more pairs fit in the same time.
fn shorten(scenario: &mut Scenario, limits: &[Limit]) {
    scenario.trial.ladder = Ladder::Off;
    if !scenario.trial.saturated.is_zero() && !limits.iter().any(Limit::needs_open_loop) && scenario.slo.is_none() {
        let load = &mut scenario.load;
        load.operations = 0;
        load.stages.clear();
        (load.burst, load.trace) = (None, None);
    }
}

/// A variant as the scenario file would have it: without what all share.
fn own(variant: &Variant, scenario: &Scenario) -> Variant {
    let mut own = variant.clone();
    own.settings.retain(|path, value| scenario.settings.get(path) != Some(value));
    own
}

/// Pairs at most: what was asked for, and what fits in the budget.
fn pairs(wish: &GateWish, scenario: &Scenario, evidence: u32) -> anyhow::Result<u32> {
    match (wish.pairs, wish.budget) {
        (Some(0), _) => Err(Refusal::usage("`--trials` = 0 is out of range: at least 1 pair")),
        (Some(pairs), _) => Ok(pairs.min(PAIRS_LIMIT)),
        (None, None) => Ok(MOST_PAIRS),
        (None, Some(budget)) => {
            Ok(plan::blocks_within(budget.as_secs_f64(), scenario, 2, evidence as usize).min(PAIRS_LIMIT))
        }
    }
}
