//! What a resumed run must not hide: failures before the success that counts, and blocks measured in two sittings.

use std::collections::{BTreeMap, BTreeSet};

use reports::run::reader::LoadedRun;
use reports::run::{Event, PlannedTrial, TrialKind, TrialOutcome};

/// What a reader should know of a run that was not measured in one go.
pub(super) fn doubts(run: &LoadedRun) -> Vec<String> {
    let ended = Ended::of(&run.events);
    let measured: Vec<&PlannedTrial> = run.plan.trials.iter().filter(|t| t.kind == TrialKind::Measure).collect();
    let mut doubts = Vec::new();
    for variant in &run.plan.variants {
        let trials = measured.iter().filter(|trial| trial.variant == variant.name);
        // Where it failed for good, the table says so already.
        let failures: usize = trials
            .filter(|trial| ended.well.contains_key(&trial.index))
            .filter_map(|trial| ended.failures.get(&trial.index))
            .sum();
        if failures > 0 {
            let times = if failures == 1 { "once".to_owned() } else { format!("{failures} times") };
            doubts.push(format!(
                "`{}` failed {times} in trials that ended well when they were tried again: no count has those failures",
                variant.name
            ));
        }
    }
    let mut blocks: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for trial in measured {
        if let (Some(block), Some(sitting)) = (trial.block, ended.well.get(&trial.index)) {
            blocks.entry(block).or_default().insert(*sitting);
        }
    }
    let split: Vec<String> =
        blocks.iter().filter(|(_, sittings)| sittings.len() > 1).map(|(block, _)| block.to_string()).collect();
    if !split.is_empty() {
        let noun = if split.len() == 1 { "block" } else { "blocks" };
        doubts.push(format!(
            "{noun} {}: begun before the run was interrupted, ended after it was resumed; what changed on the host in between \
             is in those pairs",
            split.join(", ")
        ));
    }
    doubts
}

/// How trials ended, by index.
#[derive(Default)]
struct Ended {
    /// In which sitting it last ended well: the first is 1.
    well: BTreeMap<u32, usize>,
    /// How often its subject failed.
    failures: BTreeMap<u32, usize>,
}

impl Ended {
    fn of(events: &[Event]) -> Self {
        let mut ended = Self::default();
        let mut sitting = 0;
        for event in events {
            match event {
                Event::RunStarted { .. } => sitting += 1,
                Event::TrialFinished { index, outcome: TrialOutcome::SubjectFailed { .. }, .. } => {
                    ended.well.remove(index);
                    *ended.failures.entry(*index).or_default() += 1;
                }
                Event::TrialFinished { index, .. } => {
                    ended.well.insert(*index, sitting);
                }
                _ => {}
            }
        }
        ended
    }
}
