use std::collections::BTreeMap;

use super::*;
use crate::run::{GateHead, VariantHead};

fn head(number: usize, cpu: f64) -> RunHead {
    RunHead {
        run: format!("202601{:02}-000000-lab-abcd", number + 1),
        scenario: "lab".into(),
        scenario_version: 1,
        status: Status::Complete,
        started_at: format!("2026-01-{:02}T00:00:00Z", number + 1),
        finished_at: format!("2026-01-{:02}T00:01:00Z", number + 1),
        host: "f00d".into(),
        cpu: "EPYC 9".into(),
        profile: "release".into(),
        commit: format!("c{number}"),
        verdict: String::new(),
        attached: false,
        variants: vec![VariantHead {
            name: "fixed".into(),
            binary: format!("b{number}"),
            trials: 12,
            metrics: BTreeMap::from([("cpu_per_op".to_owned(), (cpu, Some(0.01)))]),
        }],
        gate: None,
    }
}

fn heads() -> Vec<RunHead> {
    (0..28)
        .map(|number| head(number, if number < 15 { 2e-5 } else { 2.2e-5 } * (1.0 + 0.001 * (number % 3) as f64)))
        .collect()
}

fn query() -> Query {
    Query { metric: "cpu_per_op".into(), seed: 1, ..Query::default() }
}

#[test]
fn a_change_names_the_two_runs_around_it() {
    let history = history(&heads(), &query(), "2026-03-01").unwrap();
    assert_eq!((history.points.len(), history.reference.as_str()), (28, "20260101-000000-lab-abcd"));
    let suspect = &history.suspects[0];
    assert_eq!((suspect.at, suspect.before_binary.as_str(), suspect.after_binary.as_str()), (15, "b14", "b15"));
    assert!((suspect.ratio - 1.1).abs() < 0.01 && history.suspects.len() == 1 && history.notes.is_empty());
    assert!((history.points[3].error.unwrap() - 0.01 * 2_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn runs_that_must_not_be_compared_are_left_out_with_why() {
    let mut heads = heads();
    heads[2].host = "other".into();
    heads[2].cpu = "Xeon".into();
    heads[3].scenario_version = 2;
    heads[4].profile = "dev".into();
    heads[5].variants[0].metrics.clear();
    heads[6].variants[0].metrics.insert("cpu_per_op".into(), (0.0, None));
    heads[7].variants[0].trials = 0;
    heads[8].status = Status::Interrupted;
    heads[9].finished_at = "2025-12-31T00:00:00Z".into();
    let history = history(&heads, &query(), "2026-01-28T12:00").unwrap();
    assert_eq!(history.points.len(), 21);
    insta::assert_snapshot!(history.notes.join("\n"), @r"
    not comparable, left out: 1 that were measured on another kind of host (Xeon)
    not comparable, left out: 1 that are of version 2 of the scenario
    not comparable, left out: 1 that were built with profile `dev`
    not comparable, left out: 3 that have no value of cpu_per_op for `fixed`
    20260110-000000-lab-abcd ended (2025-12-31T00:00:00Z) before it began (2026-01-10T00:00:00Z): the clock was set back meanwhile, and its place in the order may be wrong
    ");
    let early = super::history(&heads, &query(), "2026-01-20T00:00:00Z").unwrap();
    assert_eq!(early.notes.iter().filter(|note| note.contains("in the future")).count(), 8);
}

#[test]
fn a_gate_against_the_reference_gives_a_paired_point() {
    let mut heads = heads();
    heads[27].variants = Vec::new();
    heads[27].gate = Some(GateHead {
        of: "fixed".into(),
        base: "b0".into(),
        candidate: "b27".into(),
        commit: "c27".into(),
        log_ratios: BTreeMap::from([("cpu_per_op".to_owned(), (0.09, 0.004))]),
    });
    let last = history(&heads, &query(), "").unwrap().points.pop().unwrap();
    assert_eq!((last.paired, last.log_ratio, last.error, last.binary.as_str()), (true, 0.09, Some(0.004), "b27"));
    // A folder of gates alone has nothing to set them against, and says what it lacks.
    insta::assert_snapshot!(
        super::history(&heads[27..], &query(), "").unwrap_err(),
        @"only gates measured `fixed` of `lab`: a history needs a run as its reference (`workbench run lab --variant fixed --save-as NAME`); gates against that program join it"
    );
    // Against another base it says nothing of the reference.
    heads[27].gate.as_mut().unwrap().base = "b3".into();
    assert_eq!(history(&heads, &query(), "").unwrap().points.len(), 27);
}

#[test]
fn what_has_no_history_says_why() {
    let ask = |change: &dyn Fn(&mut Query)| {
        let mut query = query();
        change(&mut query);
        history(&heads(), &query, "").unwrap_err().to_string()
    };
    let mut zero = heads();
    zero.iter_mut().for_each(|head| head.variants[0].trials = 0);
    let told = [
        ask(&|query| query.metric = "cpu_per_oop".into()),
        ask(&|query| query.scenario = Some("lap".into())),
        ask(&|query| query.variant = Some("broken".into())),
        ask(&|query| query.reference = Some("nothing".into())),
        history(&[], &query(), "").unwrap_err().to_string(),
        history(&zero, &query(), "").unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    unknown metric `cpu_per_oop`: did you mean `cpu_per_op`?
    no finished run of scenario `lap`; there are lab
    no run of `lab` measured a variant `broken`; there are fixed
    run nothing cannot be the reference: it is no finished run of `lab`
    no finished runs yet: `workbench run` makes one
    no run of `lab` has a value of cpu_per_op for `fixed` that is more than zero: was no operation answered?
    ");
}
