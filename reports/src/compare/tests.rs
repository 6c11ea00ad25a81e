use insta::assert_snapshot;

use super::fixture::{plan, trials};
use super::*;
use crate::run::{EvidenceKind, Metrics, TrialKind, TrialOutcome, TrialRecord, VariantSummary, Verdict};

const TWO: [&str; 2] = ["broken", "fixed"];

fn of<'a>(comparisons: &'a [Comparison], metric: &str) -> &'a Comparison {
    comparisons.iter().find(|one| one.metric == metric).unwrap_or_else(|| panic!("no {metric}"))
}

fn metrics_of(trials: &mut [TrialRecord], variant: &str, change: impl Fn(&mut TrialRecord)) {
    trials.iter_mut().filter(|trial| trial.variant == variant).for_each(change);
}

fn say(plan: &Plan, trials: &[TrialRecord]) -> String {
    sentence(&summarise(plan, trials, &Default::default()), &compare(plan, trials))
}

/// A real effect, a small one within the margin, and noise: 12 blocks.
pub(super) fn typical() -> (Plan, Vec<TrialRecord>) {
    let plan = plan(&TWO, 12);
    let metrics: [(&str, &[f64]); 4] = [
        ("latency.p99", &[0.1, 0.012]),
        ("capacity", &[9_000.0, 9_050.0]),
        ("cpu_per_op", &[40e-6, 40e-6]),
        ("rss.max", &[50e6, 80e6]),
    ];
    let trials = trials(&plan, &metrics, 0.4, 0.12);
    (plan, trials)
}

#[test]
fn shown_and_not_shown() {
    let (plan, trials) = typical();
    let comparisons = compare(&plan, &trials);
    let p99 = of(&comparisons, "latency.p99");
    assert_eq!((p99.verdict, p99.pairs), (Verdict::Improved, 12));
    assert_eq!((p99.base.as_str(), p99.candidate.as_str()), ("broken", "fixed"));
    assert_eq!(p99.operations, ["orders"]);
    assert!((p99.ratio.unwrap() - 0.12).abs() < 0.02 && p99.low < p99.ratio && p99.ratio < p99.high);
    assert_eq!(p99.p, Some(2.0 / 4096.0), "all 12 pairs on one side");
    assert!(p99.p_adjusted.unwrap() > p99.p.unwrap());
    assert_eq!(of(&comparisons, "rss.max").verdict, Verdict::Regressed);
    assert!(of(&comparisons, "rss.max").operations.is_empty());
    let cpu = of(&comparisons, "cpu_per_op");
    assert_eq!(cpu.verdict, Verdict::CannotTell);
    assert!(cpu.pairs_needed.unwrap() > 12 && cpu.detectable.unwrap() > 0.03);
    assert_eq!(cpu.margin, None);
    assert_eq!(comparisons.len(), 4, "metrics without values are left out");
    assert_snapshot!(say(&plan, &trials), @"`fixed` lowers p99 latency of orders from 96.4 ms to 11.3 ms (0.12× [0.11, 0.13]), but raises peak memory from 45 MiB to 75.1 MiB (1.58× [1.45, 1.73], worse); no difference shown in capacity and CPU per op.");
}

#[test]
fn same_needs_a_tight_interval() {
    let plan = plan(&TWO, 12);
    let trials = trials(&plan, &[("cpu_per_op", &[40e-6, 40.1e-6]), ("alloc.count_per_op", &[12.0, 12.0])], 0.4, 0.0);
    let mut trials = trials;
    for (position, trial) in trials.iter_mut().enumerate() {
        // Less than 1 % of noise on CPU; the allocations are equal to the last one.
        *trial.metrics.get_mut("cpu_per_op").unwrap() *= 1.0 + 0.004 * ((position * 7 % 5) as f64 - 2.0);
        trial.metrics.insert("alloc.count_per_op".into(), 12.0);
    }
    let comparisons = compare(&plan, &trials);
    let cpu = of(&comparisons, "cpu_per_op");
    assert_eq!((cpu.verdict, cpu.margin, cpu.pairs_needed), (Verdict::Same, Some(0.03), None));
    let allocations = of(&comparisons, "alloc.count_per_op");
    assert_eq!((allocations.verdict, allocations.ratio, allocations.p), (Verdict::Same, Some(1.0), Some(1.0)));
    assert_snapshot!(say(&plan, &trials), @"`fixed` against `broken`: the same: CPU per op (±3 %) and allocations per op (±1 %).");
}

#[test]
fn one_variant_is_described() {
    let plan = plan(&["default"], 12);
    let trials = trials(&plan, &[("latency.p99", &[0.1]), ("capacity", &[9_000.0])], 0.1, 0.05);
    assert!(compare(&plan, &trials).is_empty());
    assert_snapshot!(say(&plan, &trials), @"`default`: p99 latency of orders 97.4 ms, capacity 8.91k ops/s (12 trials); one variant, so nothing is compared.");
    assert_snapshot!(say(&plan, &[]), @"`default`: no trial ended well, so there is nothing to report.");
}

#[test]
fn few_pairs_say_so() {
    let plan = plan(&TWO, 5);
    let few = trials(&plan, &[("cpu_per_op", &[40e-6, 20e-6])], 0.1, 0.01);
    let comparisons = compare(&plan, &few);
    let cpu = of(&comparisons, "cpu_per_op");
    assert_eq!((cpu.verdict, cpu.pairs, cpu.low), (Verdict::CannotTell, 5, None));
    assert!((cpu.ratio.unwrap() - 0.5).abs() < 0.02);
    assert_eq!(cpu.pairs_needed, Some(6));
    assert_eq!(cpu.why.as_deref(), Some("5 pairs: fewer than 6 can never show a difference"));
    assert_snapshot!(say(&plan, &few), @"`fixed` against `broken`: no difference shown in CPU per op (5 pairs: fewer than 6 can never show a difference).");
}

#[test]
fn a_large_family_needs_more_pairs() {
    let variants = ["a", "b", "c", "d", "e"];
    let plan = plan(&variants, 6);
    let values = [40e-6, 20e-6, 20e-6, 20e-6, 20e-6];
    let comparisons = compare(&plan, &trials(&plan, &[("cpu_per_op", &values)], 0.1, 0.01));
    assert_eq!(comparisons.len(), 4);
    for one in &comparisons {
        assert_eq!((one.verdict, one.pairs_needed), (Verdict::CannotTell, Some(8)));
        let why = "6 pairs can never show a difference among 4 comparisons; 8 can";
        assert_eq!(one.why.as_deref(), Some(why));
        assert_eq!(one.p_adjusted, Some(0.125));
    }
}

#[test]
fn holm_spans_variants_and_metrics() {
    // Nine pairs: p = 2 · 2^-9 = 0.0039 is shown alone, and not among twenty.
    let names: Vec<String> = (0..11).map(|number| format!("v{number}")).collect();
    let variants: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = plan(&variants, 9);
    let values = |other: f64| std::iter::once(1.0).chain(std::iter::repeat_n(other, 10)).collect::<Vec<_>>();
    let (cpu, rss) = (values(0.5), values(1.0));
    let trials = trials(&plan, &[("cpu_per_op", &cpu), ("rss.max", &rss)], 0.1, 0.01);
    let all = compare(&plan, &trials);
    assert_eq!(all.len(), 20);
    assert!(all.iter().all(|one| one.verdict != Verdict::Improved));
    let alone = compare_metrics(&plan, &trials, &["cpu_per_op".to_owned()]);
    assert_eq!(alone.len(), 10);
    assert!(alone.iter().all(|one| one.verdict == Verdict::Improved), "a family of ten is small enough");
}

#[test]
fn a_limited_driver_voids_latency_only() {
    let (plan, mut trials) = typical();
    let limit = |trials: &mut Vec<TrialRecord>, blocks: u32| {
        metrics_of(trials, "fixed", |trial| {
            trial.driver.limited = (trial.block <= Some(blocks)).then(|| "lag".to_owned());
        });
    };
    limit(&mut trials, 5);
    let comparisons = compare(&plan, &trials);
    assert_eq!((of(&comparisons, "latency.p99").pairs, of(&comparisons, "capacity").pairs), (7, 12));
    limit(&mut trials, 6);
    assert_eq!(of(&compare(&plan, &trials), "latency.p99").pairs, 6, "half is not more than half");
    limit(&mut trials, 7);
    let comparisons = compare(&plan, &trials);
    let p99 = of(&comparisons, "latency.p99");
    assert_eq!((p99.verdict, p99.pairs, p99.ratio, p99.p), (Verdict::CannotTell, 0, None, None));
    assert_eq!(
        p99.why.as_deref(),
        Some("the load driver could not keep up in 7 of 12 trials of `fixed`, which voids its latencies")
    );
    assert_eq!(of(&comparisons, "rss.max").verdict, Verdict::Regressed);
    assert_eq!(summarise(&plan, &trials, &Default::default())[1].driver_limited, 7);
}

#[test]
fn tails_need_operations() {
    let (plan, mut trials) = typical();
    for trial in &mut trials {
        trial.operations[0].answered = 1_000;
        trial.operations[0].errors = 1_000;
        trial.metrics.insert("latency.p50".into(), trial.metrics["latency.p99"] / 3.0);
    }
    let comparisons = compare(&plan, &trials);
    let p99 = of(&comparisons, "latency.p99");
    assert_eq!((p99.verdict, p99.pairs), (Verdict::CannotTell, 0));
    assert_eq!(
        p99.why.as_deref(),
        Some("latency.p99 needs 2000 measured operations a trial, so that 20 lie beyond it; these trials have 1000")
    );
    assert_eq!(of(&comparisons, "latency.p50").verdict, Verdict::Improved);
    // Operations that never ended are slow ones, not missing ones.
    trials.iter_mut().for_each(|trial| trial.operations[0].timeouts = 1_000);
    assert_eq!(of(&compare(&plan, &trials), "latency.p99").verdict, Verdict::Improved);
    // Too few in a single trial cost its pair.
    trials[0].operations[0].timeouts = 0;
    assert_eq!(of(&compare(&plan, &trials), "latency.p99").pairs, 11);
    let asked = compare_metrics(&plan, &trials, &["latency.p99_9".into(), "no.such".into()]);
    assert!(asked.is_empty(), "nobody has a p99.9 here");
}

#[test]
fn operations_are_compared_by_name() {
    let (plan, mut trials) = typical();
    metrics_of(&mut trials, "fixed", |trial| {
        trial.operations[1].scheduled = 3_000;
        trial.operations[1].answered = 3_000;
        trial.operations[1].latency.insert("p99".into(), 0.04);
    });
    let asked = ["latency.p99[login]".to_owned()];
    let few = compare_metrics(&plan, &trials, &asked);
    assert!(few[0].why.as_deref().unwrap().contains("these trials have 500"), "{:?}", few[0].why);
    metrics_of(&mut trials, "broken", |trial| trial.operations[1].answered = 3_000);
    let enough = compare_metrics(&plan, &trials, &asked);
    assert_eq!((enough[0].verdict, enough[0].operations.as_slice()), (Verdict::Improved, &["login".to_owned()][..]));
    assert!((enough[0].ratio.unwrap() - 0.8).abs() < 1e-9);
}

#[test]
fn failures_are_counted_and_never_averaged() {
    let (plan, mut trials) = typical();
    let failed = &mut trials[1];
    assert_eq!(failed.variant, "fixed");
    failed.outcome = TrialOutcome::SubjectFailed { reason: "crashed".into(), stderr: String::new() };
    failed.metrics.insert("capacity".into(), 1e9);
    let mut evidence = trials[3].clone();
    (evidence.kind, evidence.block) = (TrialKind::Evidence(EvidenceKind::Cpu), None);
    evidence.metrics.insert("capacity".into(), 1e9);
    trials.push(evidence);
    let comparisons = compare(&plan, &trials);
    assert_eq!(of(&comparisons, "capacity").pairs, 11);
    let fixed = &summarise(&plan, &trials, &Default::default())[1];
    assert_eq!((fixed.trials, fixed.failed), (11, 1));
    assert!(fixed.metrics["capacity"].value < 1e5);
    assert!(say(&plan, &trials).ends_with("`fixed` failed in 1 of 12 trials."), "{}", say(&plan, &trials));
}

#[test]
fn a_variant_that_always_fails() {
    let (plan, mut trials) = typical();
    metrics_of(&mut trials, "fixed", |trial| {
        trial.outcome = TrialOutcome::SubjectFailed { reason: "crashed".into(), stderr: String::new() };
    });
    assert_eq!(
        say(&plan, &trials),
        "`fixed` against `broken`: no verdict on p99 latency of orders, capacity, CPU per op and peak memory (no trial of \
         `fixed` ended well); `fixed` failed in 12 of 12 trials."
    );
}

#[test]
fn zeros_have_no_ratio() {
    let (plan, mut trials) = typical();
    trials.iter_mut().for_each(|trial| {
        let rate = if trial.variant == "broken" { 0.15 } else { 0.0 };
        trial.metrics.insert("error_rate".into(), rate);
        trial.metrics.insert("alloc.bytes_per_op".into(), 0.0);
    });
    let comparisons = compare(&plan, &trials);
    let errors = of(&comparisons, "error_rate");
    assert_eq!((errors.verdict, errors.ratio, errors.pairs), (Verdict::CannotTell, None, 0));
    assert_eq!(
        errors.why.as_deref(),
        Some("error_rate is zero in 12 of 24 trials, so it has no ratio (medians: `broken` 0.15, `fixed` 0)")
    );
    assert!(comparisons.iter().all(|one| one.metric != "alloc.bytes_per_op"), "all zero: nothing to say");
}

#[test]
fn a_value_on_one_side_only() {
    let (plan, mut trials) = typical();
    metrics_of(&mut trials, "fixed", |trial| {
        trial.metrics.remove("capacity");
    });
    let comparisons = compare(&plan, &trials);
    assert_eq!(of(&comparisons, "capacity").why.as_deref(), Some("no trial of `fixed` has a value of capacity"));
    metrics_of(&mut trials, "fixed", |trial| {
        trial.metrics.insert("capacity".into(), f64::NAN);
    });
    assert_eq!(of(&compare(&plan, &trials), "capacity").pairs, 0);
}

#[test]
fn neither_direction_is_a_verdict() {
    let plan = plan(&TWO, 12);
    let trials = trials(&plan, &[("driver.cpu", &[1.0, 2.0])], 0.1, 0.01);
    assert!(compare(&plan, &trials).is_empty(), "not compared unless asked");
    let asked = compare_metrics(&plan, &trials, &["driver.cpu".to_owned()]);
    assert_eq!(asked[0].verdict, Verdict::CannotTell);
    assert_eq!(asked[0].why.as_deref(), Some("it differs, but neither direction of this metric is better"));
}

#[test]
fn summaries_prefer_merged_histograms() {
    let (plan, trials) = typical();
    let merged =
        [("fixed".to_owned(), Metrics::from([("latency.p99".to_owned(), 0.5), ("latency.p99[orders]".into(), 0.6)]))];
    let summary = summarise(&plan, &trials, &merged.into());
    assert_eq!(summary[1].metrics["latency.p99"].value, 0.5);
    assert_eq!(summary[1].metrics["latency.p99[orders]"].unit, "s");
    assert!((summary[0].metrics["latency.p99"].value - 0.1).abs() < 0.03, "the median over trials");
    assert_eq!(summary[0].metrics["cpu_per_op"].unit, "s/op");
    assert_eq!(summary[1].summary, "the fixed one");
    assert_eq!(summary[1].knobs["runtime.worker_threads"], "2");
    assert_eq!(summary[1].requested["workload.login"], "fixed");
    assert_eq!(summary[1].measured_operations, ["orders"]);
    assert_eq!(summary[1].trials, 12);
}

#[test]
fn everything_at_once_in_one_sentence() {
    let plan = plan(&["jemalloc", "mimalloc", "system"], 12);
    let metrics: [(&str, &[f64]); 3] = [
        ("latency.p99", &[0.010, 0.010, 0.013]),
        ("capacity", &[9_000.0, 9_900.0, 7_000.0]),
        ("cpu_per_op", &[40e-6, 36e-6, 40e-6]),
    ];
    let mut trials = trials(&plan, &metrics, 0.3, 0.03);
    metrics_of(&mut trials, "mimalloc", |trial| trial.driver.limited = Some("lag".into()));
    assert_snapshot!(say(&plan, &trials), @"Against `jemalloc`, `mimalloc` raises capacity (1.10× [1.08, 1.11]) and lowers CPU per op (0.90× [0.89, 0.91]). `system` raises p99 latency of orders (1.30× [1.27, 1.33], worse) and lowers capacity (0.77× [0.76, 0.78], worse). No verdict on p99 latency of `mimalloc` (the load driver could not keep up in 12 of 12 trials of `mimalloc`, which voids its latencies).");
}

#[test]
fn many_candidates_stay_short() {
    let plan = plan(&["a", "b", "c", "d"], 12);
    let metrics: [(&str, &[f64]); 5] = [
        ("latency.p99", &[0.010, 0.010, 0.005, 0.010]),
        ("latency.p50", &[0.001, 0.001, 0.0005, 0.001]),
        ("capacity", &[9_000.0, 9_000.0, 18_000.0, 9_000.0]),
        ("cpu_per_op", &[40e-6, 40e-6, 80e-6, 40e-6]),
        ("rss.max", &[40e6, 40e6, 80e6, 40e6]),
    ];
    let some = trials(&plan, &metrics, 0.3, 0.05);
    assert_snapshot!(say(&plan, &some), @"Against `a`, `c` lowers p99 latency of orders (0.49× [0.48, 0.51]) and p50 latency (0.50× [0.48, 0.51]), but raises CPU per op (1.98× [1.92, 2.04], worse), and changes 2 more. No difference shown for `b` and `d`.");
    let few = super::fixture::plan(&["a", "b", "c"], 3);
    let mut few_trials = trials(&few, &metrics[..3], 0.3, 0.05);
    metrics_of(&mut few_trials, "a", |trial| trial.driver.limited = Some("lag".into()));
    assert_snapshot!(say(&few, &few_trials), @"Against `a`, no difference shown for any other variant (3 pairs: fewer than 6 can never show a difference). No verdict on p99 latency and p50 latency (the load driver could not keep up in 3 of 3 trials of `a`, which voids its latencies).");
}

#[test]
fn swapping_the_variants_inverts_the_ratio() {
    let (plan, trials) = typical();
    let mut swapped = plan.clone();
    swapped.variants.reverse();
    for (one, other) in compare(&plan, &trials).iter().zip(compare(&swapped, &trials)) {
        assert!((one.ratio.unwrap() * other.ratio.unwrap() - 1.0).abs() < 1e-9);
        assert!((one.low.unwrap() * other.high.unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(one.p, other.p);
        let inverted = match one.verdict {
            Verdict::Improved => Verdict::Regressed,
            Verdict::Regressed => Verdict::Improved,
            verdict => verdict,
        };
        assert_eq!(other.verdict, inverted);
    }
}

/// Repeated runs of nothing but noise: improved or regressed must be rare (family-wise at most 5 %).
#[test]
fn no_effect_is_rarely_flagged() {
    let mut flagged = 0;
    for seed in 0..200 {
        let mut plan = plan(&TWO, 12);
        plan.seed = seed * 7_919 + 1;
        let metrics: [(&str, &[f64]); 4] =
            [("latency.p99", &[1.0; 2]), ("capacity", &[1.0; 2]), ("cpu_per_op", &[1.0; 2]), ("rss.max", &[1.0; 2])];
        let comparisons = compare(&plan, &trials(&plan, &metrics, 0.5, 0.2));
        let shown = |one: &Comparison| matches!(one.verdict, Verdict::Improved | Verdict::Regressed);
        flagged += u32::from(comparisons.iter().any(shown));
    }
    // 200 runs at 5 % are 10 ± 3; the seeds are fixed, so this never flickers.
    assert!(flagged <= 18, "{flagged} of 200");
}

#[test]
fn empty_plans() {
    let plan = plan(&[], 0);
    assert!(compare(&plan, &[]).is_empty());
    let none: [VariantSummary; 0] = [];
    assert_eq!(sentence(&none, &[]), "Nothing was measured: the plan has no variants.");
    let unrun = super::fixture::plan(&TWO, 3);
    assert_snapshot!(say(&unrun, &[]), @"`fixed` against `broken`: nothing to compare yet.");
}
