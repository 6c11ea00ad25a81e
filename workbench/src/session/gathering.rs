//! Which evidence a run gathers: what is asked for, else what the scenario names, else what tells most at little cost.

use reports::run::EvidenceKind;
use scenarios::catalog::Catalog;
use scenarios::spec::Scenario;

use super::prepare::Wish;
use crate::exit::Refusal;

/// Evidence trials of each side where two programs are compared: fewer show no difference between two profiles
/// (`reports::findings` asks for more for small ones).
const TRIALS_TO_COMPARE: u32 = 3;

/// The kinds to gather, in their order.
///
/// # Errors
/// A [`Refusal`] for a kind that the scenario's file names wrongly.
pub(super) fn kinds(wish: &Wish, catalog: &Catalog, scenario: &Scenario) -> anyhow::Result<Vec<EvidenceKind>> {
    let mut kinds = match &wish.evidence {
        Some(kinds) => kinds.clone(),
        None => unasked(wish, catalog, scenario)?,
    };
    kinds.extend(wish.incident.then_some(EvidenceKind::Allocator));
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

fn unasked(wish: &Wish, catalog: &Catalog, scenario: &Scenario) -> anyhow::Result<Vec<EvidenceKind>> {
    let named = match wish.scenario.as_str() {
        "" => Vec::new(),
        name => catalog.evidence(name).map_err(Refusal::usage)?,
    };
    let mut kinds: Vec<EvidenceKind> = named.into_iter().filter_map(kind).collect();
    match &scenario.subject {
        // Where tasks cannot be traced the evidence says why; the rest is there all the same.
        Some(_) if kinds.is_empty() => kinds = vec![EvidenceKind::Cpu, EvidenceKind::Wait, EvidenceKind::Trace],
        Some(_) => {}
        None if kinds.is_empty() => kinds = vec![EvidenceKind::Cpu],
        None => within(&mut kinds, || flamegraphs::capture::allowed::uprobes().is_ok()),
    }
    Ok(kinds)
}

/// A workload of ours is watched from within where it cannot be traced from outside: that needs no rights.
fn within(kinds: &mut [EvidenceKind], traced: impl Fn() -> bool) {
    for kind in kinds.iter_mut().filter(|kind| **kind == EvidenceKind::Trace) {
        if !traced() {
            *kind = EvidenceKind::Tasks;
        }
    }
}

/// A kind by its name in a file.
fn kind(name: &str) -> Option<EvidenceKind> {
    use EvidenceKind as K;
    [K::Cpu, K::Heap, K::Tasks, K::Allocator, K::Console, K::Wait, K::Trace]
        .into_iter()
        .find(|kind| kind.name() == name)
}

/// Trials of each variant for CPU evidence where nobody says: several where programs are set against each other.
pub(super) fn trials(scenario: &Scenario, variants: usize, kinds: &[EvidenceKind]) -> u32 {
    let compares = scenario.subject.is_some() && variants > 1 && kinds.contains(&EvidenceKind::Cpu);
    if compares { TRIALS_TO_COMPARE } else { 1 }
}

#[cfg(test)]
mod tests {
    use scenarios::file::EVIDENCE_KINDS;

    use super::*;

    #[test]
    fn every_name_of_a_file_is_a_kind() {
        for name in EVIDENCE_KINDS {
            assert_eq!(kind(name).map(EvidenceKind::name), Some(*name));
        }
    }

    #[test]
    fn where_nothing_can_be_traced_tasks_are_watched_from_within() {
        let asked = [EvidenceKind::Cpu, EvidenceKind::Wait, EvidenceKind::Trace];
        let (mut refused, mut allowed) = (asked, asked);
        within(&mut refused, || false);
        within(&mut allowed, || true);
        assert_eq!(refused, [EvidenceKind::Cpu, EvidenceKind::Wait, EvidenceKind::Tasks]);
        assert_eq!(allowed, asked);
    }
}
