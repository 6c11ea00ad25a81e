//! Two separate runs: described side by side, never judged.

use crate::metric;
use crate::run::{Comparison, RunSummary, VariantSummary, Verdict};

/// Ratios of `b` to `a`, a variant each of the same name; where no name is shared, the first of `a` against every one of
/// `b`. Metrics are those that are compared without being asked.
///
/// Every verdict is `not_comparable`: two separate runs were never interleaved, so drift of the host between them looks
/// like a difference (design 06 §3: up to 99 % false alarms). `why` also names a different scenario, host or build.
pub fn compare_runs(a: &RunSummary, b: &RunSummary) -> Vec<Comparison> {
    let why = reasons(a, b);
    let mut pairs: Vec<(&VariantSummary, &VariantSummary)> = Vec::new();
    for candidate in &b.variants {
        pairs.extend(a.variants.iter().filter(|base| base.name == candidate.name).map(|base| (base, candidate)));
    }
    if pairs.is_empty()
        && let Some(base) = a.variants.first()
    {
        pairs.extend(b.variants.iter().map(|candidate| (base, candidate)));
    }
    let mut comparisons = Vec::new();
    for (base, candidate) in pairs {
        for metric in metric::METRICS.iter().filter(|metric| metric.compared) {
            let value = |variant: &VariantSummary| variant.metrics.get(metric.name).map(|metric| metric.value);
            let (first, second) = (value(base), value(candidate));
            if first.is_none() && second.is_none() || first == Some(0.0) && second == Some(0.0) {
                continue;
            }
            let ratio = first.zip(second).map(|(first, second)| second / first);
            comparisons.push(Comparison {
                base: format!("{}:{}", a.run, base.name),
                candidate: format!("{}:{}", b.run, candidate.name),
                metric: metric.name.to_owned(),
                operations: if metric.latency { candidate.measured_operations.clone() } else { Vec::new() },
                ratio: ratio.filter(|ratio| ratio.is_finite() && *ratio > 0.0),
                low: None,
                high: None,
                pairs: 0,
                p: None,
                p_adjusted: None,
                verdict: Verdict::NotComparable,
                detectable: None,
                pairs_needed: None,
                margin: None,
                why: Some(why.clone()),
            });
        }
    }
    comparisons
}

/// Why the two runs must not be compared, the most important first.
fn reasons(a: &RunSummary, b: &RunSummary) -> String {
    let mut reasons = Vec::new();
    let mut differs = |what: &str, first: &str, second: &str| {
        if first != second {
            let shown = |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.to_owned() };
            reasons.push(format!("{what} {} and {}", shown(first), shown(second)));
        }
    };
    differs("different scenarios:", &a.scenario, &b.scenario);
    if a.scenario == b.scenario {
        let versions = [a, b].map(|run| run.scenario_version.to_string());
        differs("different versions of the scenario:", &versions[0], &versions[1]);
    }
    if a.host.fingerprint != b.host.fingerprint {
        // Fingerprints are hashes; what a person recognises is the processor.
        if a.host.cpu == b.host.cpu {
            differs("different hosts:", &a.host.fingerprint, &b.host.fingerprint);
        } else {
            differs("different hosts:", &a.host.cpu, &b.host.cpu);
        }
    }
    differs("different build profiles:", &a.build.profile, &b.build.profile);
    if a.build.profile == b.build.profile {
        differs("different builds of the workbench:", &a.build.binary, &b.build.binary);
    }
    reasons.insert(0, "two separate runs were never interleaved".to_owned());
    reasons.join("; ")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::fixture::run;
    use super::super::tests::typical;
    use super::super::{runs_sentence, summarise};
    use super::*;
    use crate::run::Verdict;

    fn two_runs() -> (RunSummary, RunSummary) {
        let (plan, trials) = typical();
        let variants = summarise(&plan, &trials, &Default::default());
        (run("20260101-000000-http-service-aaaa", variants.clone()), run("20260102-000000-http-service-bbbb", variants))
    }

    #[test]
    fn separate_runs_are_described() {
        let (a, mut b) = two_runs();
        b.variants[1].metrics.get_mut("capacity").unwrap().value *= 2.0;
        let comparisons = compare_runs(&a, &b);
        assert!(comparisons.iter().all(|one| one.verdict == Verdict::NotComparable && one.p.is_none()));
        assert_eq!(comparisons.len(), 8, "four metrics of each of the two variants");
        let capacity: Vec<_> = comparisons.iter().filter(|one| one.metric == "capacity").map(|one| one.ratio).collect();
        assert_eq!(capacity, [Some(1.0), Some(2.0)]);
        assert_eq!(comparisons[0].base, "20260101-000000-http-service-aaaa:broken");
        assert_eq!(comparisons[0].why.as_deref(), Some("two separate runs were never interleaved"));
        b.scenario_version = 2;
        b.host.fingerprint = "beef".into();
        b.build.profile = "dev".into();
        assert_snapshot!(runs_sentence(&compare_runs(&a, &b)), @"The ratios describe and prove nothing: two separate runs were never interleaved; different versions of the scenario: 1 and 2; different hosts: f00d and beef; different build profiles: release and dev. To compare, run both as variants of one run (`--vary`).");
        b.host.cpu = "Xeon".into();
        b.scenario = "allocator-lab".into();
        assert_snapshot!(compare_runs(&a, &b)[0].why.clone().unwrap(), @"two separate runs were never interleaved; different scenarios: http-service and allocator-lab; different hosts: EPYC 9 and Xeon; different build profiles: release and dev");
    }

    #[test]
    fn runs_without_a_common_variant() {
        let (a, mut b) = two_runs();
        b.variants.truncate(1);
        b.variants[0].name = "other".into();
        let comparisons = compare_runs(&a, &b);
        assert_eq!(comparisons.len(), 4);
        assert!(comparisons[0].candidate.ends_with(":other") && comparisons[0].base.ends_with(":broken"));
        b.variants[0].metrics.clear();
        assert!(compare_runs(&a, &b).iter().all(|one| one.ratio.is_none()));
        b.variants.clear();
        assert_eq!(runs_sentence(&compare_runs(&a, &b)), "The two runs have no metric in common.");
    }
}
