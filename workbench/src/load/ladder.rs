//! The ladder: which levels of concurrency a trial drives at its end, and what they yielded.

use std::time::Duration;

use reports::run::{LadderPlan, LevelRecord, PlannedTrial};
use scenarios::spec::Scenario;

use super::histogram::{self, Encoded};
use super::outcome::ClosedOutcome;

/// Blocks whose trials drive it: enough to merge, and little time.
const BLOCKS: u32 = 3;

/// The ladder of a scenario. All levels together take as long as the saturated phase, which is the highest level where that
/// is full concurrency.
pub fn planned(scenario: &Scenario) -> Option<LadderPlan> {
    let mut levels = scenario.trial.ladder.levels(scenario.load.concurrency);
    // Driven already, and for longer.
    levels.retain(|level| *level != scenario.load.concurrency);
    let seconds = scenario.trial.saturated.as_secs_f64();
    (seconds > 0.0 && !levels.is_empty()).then_some(LadderPlan { levels, seconds, blocks: BLOCKS })
}

/// Levels that this trial drives, rising, each with its time; none in evidence and after the first blocks.
pub fn levels(scenario: &Scenario, trial: &PlannedTrial) -> Vec<(u32, Duration)> {
    let Some(plan) = planned(scenario).filter(|plan| drives(plan, trial)) else { return Vec::new() };
    let each = scenario.trial.saturated / u32::try_from(plan.levels.len()).unwrap_or(1);
    plan.levels.into_iter().map(|level| (level, each)).collect()
}

/// Whether a trial ends with the ladder.
pub fn drives(plan: &LadderPlan, trial: &PlannedTrial) -> bool {
    trial.block.is_some_and(|block| block <= plan.blocks)
}

/// The record of one level.
pub fn record(concurrency: u32, outcome: &ClosedOutcome) -> LevelRecord {
    let mut latency = histogram::new();
    for operation in outcome.operations.iter().filter(|operation| operation.measured) {
        latency.add(&operation.latency).expect("histograms of one shape");
    }
    LevelRecord {
        concurrency,
        duration_s: outcome.elapsed_s,
        answered: outcome.answered(),
        failed: outcome.failed(),
        latency: Encoded::new(&latency).text().to_owned(),
    }
}

/// The levels in order; the saturated phase is the level of full concurrency, where there are others.
pub fn with_saturated(
    scenario: &Scenario,
    mut levels: Vec<LevelRecord>,
    saturated: Option<&ClosedOutcome>,
) -> Vec<LevelRecord> {
    if let Some(saturated) = saturated.filter(|_| !levels.is_empty()) {
        levels.push(record(scenario.load.concurrency, saturated));
        levels.sort_by_key(|level| level.concurrency);
    }
    levels
}

#[cfg(test)]
mod tests {
    use reports::run::TrialKind;
    use scenarios::catalog::Catalog;
    use scenarios::spec::Ladder;

    use super::*;

    #[test]
    fn the_first_blocks_climb_in_the_time_of_the_saturated_phase() {
        let mut scenario = Catalog::builtin().scenario("http-service").unwrap();
        let trial = |block| PlannedTrial { index: 1, block, variant: "a".into(), kind: TrialKind::Measure };
        let climbed = levels(&scenario, &trial(Some(3)));
        let concurrencies: Vec<u32> = climbed.iter().map(|(level, _)| *level).collect();
        assert_eq!(concurrencies, [1, 2, 4, 8, 16]);
        let sum: Duration = climbed.iter().map(|(_, time)| *time).sum();
        assert_eq!(sum, scenario.trial.saturated);
        assert!(levels(&scenario, &trial(Some(4))).is_empty() && levels(&scenario, &trial(None)).is_empty());
        scenario.trial.ladder = Ladder::Levels(vec![3, 32, 64]);
        let climbed: Vec<u32> = levels(&scenario, &trial(Some(1))).iter().map(|(level, _)| *level).collect();
        assert_eq!(climbed, [3, 64]);
        scenario.trial.ladder = Ladder::Off;
        assert!(levels(&scenario, &trial(Some(1))).is_empty());
    }
}
