//! What a person reads of gates, objectives, budgets, baselines and histories: every verdict as a snapshot.

use super::terminal::{self, BaselineLine};
use crate::baseline::{Baseline, KeptProgram};
use crate::compare::fixture;
use crate::history::{History, Point, Rerun, Suspect};
use crate::limits::{Evidence, Judge, Limit, Stopped, parse};
use crate::run::{
    BudgetRecord, BurnRate, Count, GateOutcome, GateSide, GateVerdict, MetricValue, OnCannotTell, RunSummary, Slo,
    SloSummary, SloVerdict, VariantSummary,
};

fn summary() -> RunSummary {
    fixture::run("20260101-000000-http-service-abcd", Vec::new())
}

/// What a gate of these limits comes to over a simulated candidate that spends `ratio` times the CPU of its base.
pub(super) fn gate(verdict: GateVerdict, texts: &[&str], pairs: u32, ratio: f64, stopped: Stopped) -> GateOutcome {
    let limits: Vec<Limit> = texts.iter().map(|text| parse(text).unwrap()).collect();
    let mut judge = Judge::new(&limits, "base", &["new".to_owned()], 32, crate::stats::GATE_ALPHA).unwrap();
    let plan = fixture::plan(&["base", "new"], pairs);
    for trial in fixture::trials(&plan, &[("cpu_per_op", &[2e-5, 2e-5 * ratio])], 0.3, 0.02) {
        judge.hear(trial);
    }
    let count = [("syscalls.count_per_op".to_owned(), Count { events: 4_000, operations: 1_000 })];
    for variant in ["base", "new"] {
        judge.count(Evidence { variant: variant.to_owned(), counts: Ok(count.clone().into()) });
    }
    let side = |from: &str| GateSide { from: from.into(), binary: "0123456789abcdef".into(), ..GateSide::default() };
    GateOutcome {
        verdict,
        exit: 0,
        sentence: format!("{verdict:?} by the sentence of the gate."),
        base: side("revision main (commit c0ffee)"),
        candidate: side("this build, variant fixed"),
        on_cannot_tell: OnCannotTell::Fail,
        alpha: judge.alpha(),
        looks: judge.looks().iter().map(|look| *look as u32).collect(),
        pairs,
        stopped,
        limits: judge.outcomes(stopped),
    }
}

#[test]
fn a_gate_in_the_terminal() {
    let cpu = ["cpu_per_op<+3%"];
    let all = ["cpu_per_op<+3%", "syscalls.count_per_op<+9%", "error_rate<=0.1%"];
    for (name, outcome) in [
        ("passed", gate(GateVerdict::Passed, &all, 12, 1.0, Stopped::Early)),
        ("broken", gate(GateVerdict::Broken, &all, 12, 1.1, Stopped::Early)),
        ("cannot_tell", gate(GateVerdict::CannotTell, &cpu, 3, 1.02, Stopped::OutOfTime)),
        ("not_comparable", gate(GateVerdict::NotComparable, &["capacity>-5%"], 1, 1.0, Stopped::Early)),
        ("subject_failed", gate(GateVerdict::SubjectFailed, &cpu, 2, 1.0, Stopped::CutShort)),
    ] {
        insta::assert_snapshot!(format!("gate_{name}"), terminal::gate(&summary(), &outcome, false, 110));
    }
}

fn burn(variant: &str, verdict: SloVerdict, bad: u64, [rate, low, high]: [f64; 3]) -> BurnRate {
    BurnRate {
        variant: variant.into(),
        operations: 24_000,
        failed: bad / 2,
        slow: bad - bad / 2,
        rate: Some(rate),
        low: Some(low),
        high: Some(high),
        design_effect: 1.0,
        verdict,
        operations_needed: (verdict == SloVerdict::CannotTell).then_some(61_000),
        why: None,
    }
}

#[test]
fn objectives_and_budgets_in_the_terminal() {
    let mut judged = summary();
    let nothing = BurnRate {
        operations: 0,
        rate: None,
        low: None,
        high: None,
        why: Some("no measured operation of an open loop".into()),
        ..burn("idle", SloVerdict::CannotTell, 0, [0.0; 3])
    };
    judged.slo = Some(SloSummary {
        slo: Slo { objective: 0.9995, latency_s: Some(0.35), window_s: 2_592_000.0 },
        burn: vec![
            burn("met", SloVerdict::Met, 2, [0.17, 0.02, 0.6]),
            BurnRate { design_effect: 8.4, ..burn("missed", SloVerdict::Missed, 90, [7.5, 3.1, 14.0]) },
            burn("short", SloVerdict::CannotTell, 10, [0.83, 0.4, 1.53]),
            nothing,
        ],
    });
    let budget = |remaining: f64, overridden: Option<&str>| BudgetRecord {
        remaining,
        source: "given".into(),
        freeze_below: crate::budget::FREEZE_BELOW,
        frozen: remaining < crate::budget::FREEZE_BELOW,
        overridden: overridden.map(str::to_owned),
    };
    judged.budget = Some(budget(0.37, None));
    let told = [budget(-0.2, None), budget(0.01, Some("fix of an\u{1b} incident"))].map(|one| super::slo::budget(&one));
    insta::assert_snapshot!(format!("{}\n{}", terminal::slo(&judged, 100), told.join("\n")));
}

#[test]
fn baselines_in_the_terminal() {
    let whole = summary();
    let value = |value, unit: &str| MetricValue { value, unit: unit.into() };
    let metrics = [("latency.p99".to_owned(), value(0.0042, "s")), ("cpu_per_op".to_owned(), value(2.1e-5, "s/op"))];
    let baseline = Baseline {
        format: crate::baseline::FORMAT,
        name: "main".into(),
        saved_at: "2026-01-02T03:04:05Z".into(),
        run: whole.run.clone(),
        scenario: "http-service".into(),
        scenario_version: 2,
        scenario_hash: String::new(),
        seed: 1,
        build: whole.build.clone(),
        host: whole.host.clone(),
        protocol: Some(1),
        programs: vec![KeptProgram { variant: "fixed".into(), bytes: 31 << 20, ..KeptProgram::default() }],
        variants: vec![VariantSummary { name: "fixed".into(), metrics: metrics.into(), ..VariantSummary::default() }],
        trials: Vec::new(),
    };
    let not_ours = Baseline { protocol: None, variants: Vec::new(), ..baseline.clone() };
    let lines = [
        BaselineLine { name: "main", told: Ok(&baseline) },
        BaselineLine { name: "pilot\u{1b}", told: Ok(&not_ours) },
        BaselineLine { name: "torn", told: Err("baselines/torn.json:1: the file is cut off here".into()) },
    ];
    insta::assert_snapshot!(terminal::baselines(&lines, false, 120));
    insta::assert_snapshot!(terminal::baselines(&[], false, 120), @"No baselines yet: `workbench run … --save-as NAME` keeps one.");
}

fn a_history(reruns: Vec<Rerun>) -> (History, Vec<String>) {
    let point = |number: usize| Point {
        run: format!("202601{:02}-000000-lab-abcd", number + 1),
        at: format!("2026-01-{:02}T00:00:00Z", number + 1),
        commit: format!("c{number}"),
        binary: String::new(),
        log_ratio: if number < 7 { 0.001 } else { 0.1 } * (1 + number % 2) as f64,
        error: (number != 3).then_some(0.01),
        paired: number > 11,
    };
    let suspect = Suspect {
        at: 7,
        before: point(6).run,
        after: point(7).run,
        before_binary: "b6".into(),
        after_binary: "b7".into(),
        ratio: 1.16,
        p: 0.0005,
    };
    let history = History {
        scenario: "lab".into(),
        scenario_version: 1,
        variant: "fixed".into(),
        metric: "cpu_per_op".into(),
        reference: point(0).run,
        reference_value: 2e-5,
        points: (0..14).map(point).collect(),
        suspects: vec![suspect],
        notes: vec!["not comparable, left out: 2 that were built with profile `dev`".into()],
        reruns,
    };
    (history, vec!["workbench gate lab --against old --candidate new --limit 'cpu_per_op<+3%'".into()])
}

fn rerun(run: Option<&str>, sentence: &str) -> Rerun {
    let (history, _) = a_history(Vec::new());
    let suspect = &history.suspects[0];
    Rerun {
        before: suspect.before.clone(),
        after: suspect.after.clone(),
        run: run.map(str::to_owned),
        verdict: run.map(|_| GateVerdict::Broken),
        sentence: sentence.into(),
    }
}

#[test]
fn a_history_in_the_terminal() {
    let (history, next) = a_history(Vec::new());
    insta::assert_snapshot!(terminal::history(&history, &next, false, 110));
    let tail = |reruns| {
        let (history, next) = a_history(reruns);
        let text = terminal::history(&history, &next, false, 110);
        text.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    };
    let settled = rerun(Some("20260201-000000-lab-wxyz"), "Failed, decided after 12 pairs: the limit is broken.");
    insta::assert_snapshot!(tail(vec![settled]), @r"
      side by side: Failed, decided after 12 pairs: the limit is broken. See `workbench show
      20260201-000000-lab-wxyz`.
    note: not comparable, left out: 2 that were built with profile `dev`
    ");
    insta::assert_snapshot!(tail(vec![rerun(None, "the program of 20260107-000000-lab-abcd was not kept")]), @r"
    +16 % between 20260107-000000-lab-abcd and 20260108-000000-lab-abcd
      not measured side by side: the program of 20260107-000000-lab-abcd was not kept
    note: not comparable, left out: 2 that were built with profile `dev`
    ");
}

#[test]
fn a_history_as_a_page() {
    let (history, next) = a_history(Vec::new());
    insta::assert_snapshot!(super::pages::words(&super::html::history(&history, &next)));
}

#[test]
fn a_settled_suspicion_stands_in_the_page() {
    let settled = rerun(Some("20260201-000000-lab-wxyz"), "Failed <here>: the limit is broken.");
    let (history, next) = a_history(vec![settled]);
    let page = super::html::history(&history, &next);
    let cell =
        "<span class=\"regressed\">Failed &#60;here&#62;: the limit is broken.</span> (20260201-000000-lab-wxyz)";
    assert!(page.contains(cell) && !page.contains("workbench gate lab"), "{page}");
}
