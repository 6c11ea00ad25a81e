//! Plans are pure: these tests need nothing but values.

use std::collections::BTreeSet;

use scenarios::catalog::Catalog;
use scenarios::resolve::resolve;

use super::*;
use crate::evidence::sampling;

pub(crate) fn scenario() -> Scenario {
    Catalog::builtin().scenario("http-service").unwrap()
}

pub(crate) fn variants() -> Vec<Variant> {
    resolve(&scenario(), &[], &[], &[]).unwrap().variants
}

fn planned(blocks: u32, seed: u64, evidence: bool) -> Plan {
    let build = BuildInfo::default();
    let evidence: &[EvidenceKind] = if evidence { &[EvidenceKind::Cpu] } else { &[] };
    let cpu = sampling::resolve(None, None).unwrap();
    plan(&Request {
        scenario: &scenario(),
        variants: &variants(),
        blocks,
        evidence,
        evidence_trials: 1,
        every_kind: false,
        incident: false,
        cpu,
        heap: reports::run::HeapBackend::Sampler,
        stall_after_s: 0.01,
        task_waits: Waits::FirstPoll,
        seed,
        build: &build,
        recorded: None,
    })
}

#[test]
fn the_same_seed_gives_the_same_plan_and_schedules() {
    assert_eq!(planned(12, 3, true), planned(12, 3, true));
    let (a, b) = (planned(12, 3, true), planned(12, 4, true));
    assert_ne!(a.trials, b.trials);
    assert_ne!(a.schedule_hashes, b.schedule_hashes);
}

#[test]
fn cpu_evidence_is_repeated_in_blocks_of_every_variant() {
    let build = BuildInfo::default();
    let plan = plan(&Request {
        scenario: &scenario(),
        variants: &variants(),
        blocks: 1,
        evidence: &[EvidenceKind::Cpu, EvidenceKind::Wait],
        evidence_trials: 3,
        every_kind: false,
        incident: false,
        cpu: sampling::resolve(None, None).unwrap(),
        heap: reports::run::HeapBackend::Sampler,
        stall_after_s: 0.01,
        task_waits: Waits::FirstPoll,
        seed: 1,
        build: &build,
        recorded: None,
    });
    let of = |kind: EvidenceKind| -> Vec<&str> {
        let trials = plan.trials.iter().filter(|trial| trial.kind == TrialKind::Evidence(kind));
        trials.map(|trial| trial.variant.as_str()).collect()
    };
    assert_eq!((of(EvidenceKind::Cpu).len(), of(EvidenceKind::Wait).len()), (6, 2));
    for block in of(EvidenceKind::Cpu).chunks(2) {
        assert_ne!(block[0], block[1], "a trial of every variant before the next of any");
    }
}

#[test]
fn every_block_holds_every_variant_once_and_evidence_comes_last() {
    let plan = planned(12, 1, true);
    assert_eq!(plan.trials.len(), 12 * 2 + 2);
    for block in 1..=12 {
        let names: BTreeSet<_> =
            plan.trials.iter().filter(|t| t.block == Some(block)).map(|t| t.variant.as_str()).collect();
        assert_eq!(names, BTreeSet::from(["broken", "fixed"]));
    }
    assert!(plan.trials[24..].iter().all(|t| t.kind == TrialKind::Evidence(EvidenceKind::Cpu) && t.block.is_none()));
    let indexes: Vec<u32> = plan.trials.iter().map(|t| t.index).collect();
    assert_eq!(indexes, (1..=26).collect::<Vec<_>>());
}

#[test]
fn both_orders_occur() {
    let plan = planned(24, 1, false);
    let first: BTreeSet<_> = plan.trials.iter().step_by(2).map(|t| t.variant.as_str()).collect();
    assert_eq!(first.len(), 2, "the order within blocks is random");
}

#[test]
fn blocks_differ_in_their_arrivals_and_variants_do_not() {
    let plan = planned(6, 9, false);
    let distinct: BTreeSet<_> = plan.schedule_hashes.iter().collect();
    assert_eq!(distinct.len(), 6);
    assert_eq!(block_seed(9, Some(2)), block_seed(9, Some(2)));
    assert_ne!(block_seed(9, Some(2)), block_seed(9, Some(3)));
}

#[test]
fn a_budget_is_filled_and_never_empty() {
    let scenario = scenario();
    let few = blocks_within(1.0, &scenario, 2, 1);
    let many = blocks_within(600.0, &scenario, 2, 1);
    assert_eq!(few, 1);
    assert!(many > 20);
    assert!(blocks_within(600.0, &scenario, 6, 1) < many);
}
