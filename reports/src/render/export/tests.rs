//! What other programs read, as snapshots, and what their own readers make of hostile names.

use super::*;
use crate::render::fixture::Fixture;
use crate::run::*;

/// A gate that broke a limit of a file, held one and cannot tell of a third, with an objective and a budget.
fn gated() -> Fixture {
    let mut fixture = Fixture::two_variants();
    let limit = |limit: &str, verdict: LimitVerdict, estimate: f64, line: u32| LimitOutcome {
        limit: limit.into(),
        metric: "cpu_per_op".into(),
        candidate: "batched".into(),
        source: (line > 0).then(|| LimitSource { file: "bench/log.toml".into(), line, column: 1 }),
        verdict,
        relative: true,
        bound: 1.03,
        upper: true,
        unit: "s/op".into(),
        estimate: Some(estimate),
        low: Some(estimate - 0.01),
        high: Some(estimate + 0.01),
        level: 0.95,
        base_value: Some(1e-5),
        candidate_value: Some(1e-5 * estimate),
        pairs: 16,
        counted: false,
        pairs_needed: None,
        why: None,
        sentence: format!("{limit}: {estimate}× is 100 % known, or not:\nsee the report"),
    };
    fixture.summary.gate = Some(GateOutcome {
        verdict: GateVerdict::Broken,
        exit: 10,
        sentence: "CPU per op rose by 12 % [11, 13], and 3 % are allowed.".into(),
        base: GateSide { variant: "sync".into(), from: "baseline main".into(), ..GateSide::default() },
        candidate: GateSide { variant: "batched".into(), from: "this build".into(), ..GateSide::default() },
        on_cannot_tell: OnCannotTell::Fail,
        alpha: 0.01,
        looks: vec![12, 16, 24, 32],
        pairs: 16,
        stopped: Stopped::Early,
        limits: vec![
            limit("cpu_per_op<+3%", LimitVerdict::Broken, 1.12, 7),
            limit("latency.p99<+10%", LimitVerdict::CannotTell, 1.02, 8),
            limit("capacity>-5%", LimitVerdict::Held, 1.0, 0),
        ],
    });
    fixture.summary.slo = Some(objective());
    let budget = crate::budget::decide(0.031, "http://prometheus:9090".into(), Some("fix of an incident".into()));
    fixture.summary.budget = Some(budget);
    fixture.summary.findings = vec![
        finding("long-poll-cpu", "src/log.rs", 41),
        finding("poll-blocked", "/rustc/abc/library/std/src/fs.rs", 7),
    ];
    fixture
}

fn finding(rule: &str, file: &str, line: u32) -> Finding {
    Finding {
        variant: "batched".into(),
        rule: rule.into(),
        rank: 1,
        title: format!("{rule} takes 88 % of the excess"),
        share: 0.88,
        culprit: Some(Culprit { function: "log::append".into(), file: file.into(), line }),
        evidence: vec!["471 samples".into()],
        next: "workbench run --set x=1".into(),
        ..Finding::default()
    }
}

fn objective() -> SloSummary {
    let slo = Slo { objective: 0.9995, latency_s: Some(0.35), window_s: 30.0 * 86_400.0 };
    let burn =
        |variant: &str, slow: u64| SloCount { trial: 1, variant: variant.into(), operations: 30_000, failed: 3, slow };
    let variants = [("sync".to_owned(), 0), ("batched".to_owned(), 0)];
    let burn = crate::budget::judge(&slo, &variants, &[burn("sync", 200), burn("batched", 0)]);
    SloSummary { slo, burn }
}

fn exported(fixture: &Fixture, format: Format) -> String {
    export(format, &fixture.summary, &fixture.trials)
}

#[test]
fn a_gate_in_every_format() {
    let fixture = gated();
    for (format, name, _) in FORMATS {
        if !matches!(format, Format::Json | Format::Csv | Format::Benchstat) {
            insta::assert_snapshot!(format!("gate_{name}"), exported(&fixture, *format));
        }
    }
    // Trials are many: the first lines show the rest.
    for (format, name, lines) in [(Format::Csv, "csv", 24), (Format::Benchstat, "benchstat", 10)] {
        let text = exported(&fixture, format);
        insta::assert_snapshot!(format!("gate_{name}"), text.lines().take(lines).collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn a_run_without_a_gate_is_judged_by_its_comparisons() {
    let mut fixture = Fixture::three_variants();
    insta::assert_snapshot!("run_annotations", exported(&fixture, Format::Annotations));
    fixture.summary.comparisons.clear();
    assert!(exported(&fixture, Format::Junit).contains("tests=\"0\""));
}

#[test]
fn a_subject_that_failed_is_an_error() {
    let junit = exported(&Fixture::failed(), Format::Junit);
    assert!(junit.contains("errors=\"12\"") && junit.contains("exited with status 101"), "{junit}");
    let comment = exported(&Fixture::failed(), Format::Comment);
    assert!(comment.contains("⛔ error:"), "{comment}");
}

#[test]
fn latencies_of_a_late_driver_are_not_exported() {
    let fixture = Fixture::driver_limited();
    let benchstat = exported(&fixture, Format::Benchstat);
    let with = |what: &str| benchstat.lines().filter(|line| line.contains("batched") && line.contains(what)).count();
    assert_eq!((with(" ns/op"), with("p99-ns")), (12, 3), "{benchstat}");
    let late = |line: &&str| line.contains(",batched,") && line.contains(",true,");
    assert!(exported(&fixture, Format::Csv).lines().filter(late).count() > 9, "the table keeps them, marked");
}

#[test]
fn a_frozen_gate_says_so_where_one_looks() {
    let budget = crate::budget::decide(-0.2, "http://prometheus:9090/<b>".into(), None);
    let said =
        FORMATS.iter().filter_map(|(format, name, _)| Some(format!("{name}\n{}", frozen(*format, "a|b", &budget)?)));
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_worst_ten_are_annotated() {
    let mut fixture = gated();
    let gate = fixture.summary.gate.as_mut().unwrap();
    let one = gate.limits[0].clone();
    gate.limits = (0..13)
        .map(|n| LimitOutcome { limit: format!("limit {n}"), estimate: Some(1.0 + f64::from(n)), ..one.clone() })
        .collect();
    let said = annotations(&fixture.summary, &fixture.trials);
    assert_eq!(said.matches("::error ").count(), 10);
    assert!(said.starts_with("::error file=bench/log.toml,line=7,col=1,title=workbench%3A limit 12::"), "{said}");
    assert!(said.contains("(3 more are in the report)"), "{said}");
}

#[test]
fn a_summary_that_does_not_fit_is_cut_at_a_line() {
    let fixture = gated();
    let whole = step_summary(&fixture.summary, &fixture.trials, ROOM_FOR_ALL);
    assert!(whole.contains("<details><summary>Report</summary>"));
    for room in [whole.len() - 1, 2000, 400] {
        let cut = step_summary(&fixture.summary, &fixture.trials, room);
        assert!(cut.len() <= room && cut.contains("**Cut here:**"), "{room}: {cut}");
        assert!(!cut.contains("<details><summary>Report"), "a fold that stays open would hide the note");
    }
    assert_eq!(step_summary(&fixture.summary, &fixture.trials, 10), "");
}

const ROOM_FOR_ALL: usize = STEP_SUMMARY_ROOM;

#[test]
fn markers_find_the_comment_again() {
    assert_eq!(marker("http-service"), "<!-- workbench:http-service -->");
    assert_eq!(marker("a-->b"), "<!-- workbench:a---b -->");
    assert!(comment(&gated().summary, &[]).starts_with("<!-- workbench:order-log -->\n### ❌ regressed:"));
}

#[test]
fn formats_are_found_by_name() {
    assert_eq!(Format::named("junit"), Some(Format::Junit));
    assert_eq!((Format::named("junt"), Format::nearest("junt")), (None, Some("junit")));
    assert_eq!(Format::nearest("qqqq"), None);
}

#[test]
fn intervals_of_medians_are_those_of_order_statistics() {
    let of = |count: u32| {
        let values = (1..=count).map(f64::from).collect();
        series::Series {
            variant: "a",
            metric: "capacity",
            unit: "ops/s",
            better: crate::metric::Better::Higher,
            values,
        }
        .interval()
    };
    // Conover, Practical Nonparametric Statistics: for n = 12 the third and the tenth, for n = 20 the sixth and fifteenth.
    assert_eq!((of(5), of(6)), (None, Some((1.0, 6.0))));
    assert_eq!((of(12), of(20)), (Some((3.0, 10.0)), Some((6.0, 15.0))));
}

/// Whatever a name holds, each format stays what it is.
#[test]
fn hostile_names_break_nothing_out() {
    for evil in
        ["</failure><x a=\"", "a,b\"c\r\n::error::x", "x\u{1b}[2J\u{0}\u{fffe}", "`|<!-- -->@all", "\\\" } 1\n# EOF\n"]
    {
        let mut fixture = gated();
        let summary = &mut fixture.summary;
        summary.scenario = format!("{evil}{}", summary.scenario);
        summary.verdict = evil.into();
        let gate = summary.gate.as_mut().unwrap();
        (gate.sentence, gate.limits[0].sentence, gate.limits[0].limit) = (evil.into(), evil.into(), evil.into());
        gate.limits[0].source = Some(LimitSource { file: evil.into(), line: 3, column: 1 });
        summary.variants[1].name = evil.into();
        summary.findings[0].title = evil.into();
        for trial in fixture.trials.iter_mut().filter(|trial| trial.variant == "batched") {
            trial.variant = evil.into();
        }
        let junit = exported(&fixture, Format::Junit);
        assert!(!junit.contains("<x") && !junit.contains('\u{1b}') && !junit.contains('\u{fffe}'), "{junit}");
        let annotations = exported(&fixture, Format::Annotations);
        assert!(annotations.lines().all(|line| line.starts_with("::")), "{annotations}");
        let csv = exported(&fixture, Format::Csv);
        assert!(csv.matches("\r\n").count() >= fixture.trials.len(), "{csv}");
        let benchstat = exported(&fixture, Format::Benchstat);
        assert!(
            benchstat.lines().skip(4).all(|line| line.starts_with("Benchmark") || line.starts_with("Unit ")),
            "{benchstat}"
        );
        let metrics = exported(&fixture, Format::OpenMetrics);
        assert_eq!(metrics.lines().filter(|line| *line == "# EOF").count(), 1, "{metrics}");
        for format in [Format::Bmf, Format::ActionSmaller, Format::Sarif] {
            serde_json::from_str::<serde_json::Value>(&exported(&fixture, format)).unwrap();
        }
        let comment = exported(&fixture, Format::Comment);
        assert_eq!(comment.matches("<!--").count(), 1, "{comment}");
    }
}
