//! Evidence that findings cannot use: they say so, and why, and what would mend it.

use super::*;
use crate::findings::usable;
use crate::run::{DriverRecord, EvidenceKind, ExitRecord, TrialKind, TrialOutcome, TrialRecord};

fn ran(kind: TrialKind, file: &str) -> TrialRecord {
    TrialRecord {
        format: 1,
        index: 0,
        block: None,
        variant: "default".into(),
        kind,
        outcome: TrialOutcome::Ok,
        started_at: String::new(),
        duration_s: 1.0,
        effective: [(usable::PROGRAM_FILE.to_owned(), file.to_owned())].into(),
        metrics: <_>::default(),
        counts: Default::default(),
        operations: Vec::new(),
        driver: DriverRecord::default(),
        noise: <_>::default(),
        drain: None,
        exit: ExitRecord::default(),
        remarks: Vec::new(),
        levels: Vec::new(),
        heeded: <_>::default(),
    }
}

fn unused(joined: &Joined<'_>) -> Vec<(String, String, usize)> {
    let told = explain(std::slice::from_ref(joined)).unused.into_iter();
    told.map(|one| (one.evidence, one.because, one.rules.len())).collect()
}

#[test]
fn evidence_of_another_build_than_the_measured_trials_is_known_by_its_file() {
    let trials = [
        ran(TrialKind::Measure, "/srv/app (build id aa)"),
        ran(TrialKind::Evidence(EvidenceKind::Cpu), "/srv/app (build id aa)"),
        ran(TrialKind::Evidence(EvidenceKind::Trace), "/srv/app (build id bb)"),
    ];
    let told = usable::of_other_builds(&trials, "default");
    assert_eq!(told.keys().copied().collect::<Vec<_>>(), ["trace"]);
    insta::assert_snapshot!(told["trace"], @"it is of another build: it ran /srv/app (build id bb), the measured trials ran /srv/app (build id aa): gather it again with a new run");
    assert_eq!(usable::of_other_builds(&trials, "other"), <_>::default());
    assert_eq!(usable::of_other_builds(&trials[1..], "default"), <_>::default(), "nothing was measured");
}

#[test]
fn what_is_left_out_blames_nobody() {
    let mut trace = trace();
    trace.polls = vec![in_poll(TraceEndKind::Cpu, "", &[("app::hash", 41)], 50, 1.0)];
    let mut other = joined(&trace, felt(0.000_3, 0.003));
    assert_eq!(found(&other), [is("long-poll-cpu", "app::hash", 41)]);
    other.leave_out("trace", "it is of another build".into());
    assert_eq!(found(&other), []);
    let told = unused(&other).into_iter().find(|(evidence, ..)| evidence == "trace").expect("it is told");
    assert_eq!(told.1, "it is of another build");
    assert!(told.2 > 5, "mechanisms that nothing is said about");
}

#[test]
fn what_cannot_be_read_is_said_once_whatever_rules_miss_first() {
    let trace = trace();
    let changed = || ("wait", "threads.jsonl is of another run".to_owned());
    let of = |trace| {
        let mut other = Joined { trace, partly: vec![changed()], ..driven(felt(0.000_3, 0.003)) };
        other.missing.extend([changed(), ("trace", "no tokio in it".to_owned())]);
        let told = unused(&other);
        told.into_iter().filter(|(_, because, _)| *because == changed().1).collect::<Vec<_>>()
    };
    assert_eq!(of(Some(&trace)).len(), 1);
    assert_eq!(of(None).len(), 1, "rules that would look at both miss the other");
}

#[test]
fn a_profile_without_names_is_not_used_and_one_with_some_is_told() {
    let trace = trace();
    let of = |named| {
        let cpu = CpuTable {
            total_s: 1.0,
            rows: vec![CpuRow { total_s: 1.0, ..CpuRow::default() }],
            named,
            ..CpuTable::default()
        };
        let breach = Breach::default();
        unused(&Joined { cpu: Some(&cpu), breach: Some(&breach), ..joined(&trace, felt(0.001, 0.000_1)) })
    };
    let about = |named| of(named).into_iter().find(|(evidence, ..)| evidence == "cpu");
    assert_eq!(about(1.0), None);
    let (_, because, rules) = about(0.7).expect("in part");
    assert_eq!(rules, 0);
    insta::assert_snapshot!(because, @r#"only 70 % of its samples of the program have a name: build with `strip = false` and `debug = "line-tables-only"` in its profile"#);
    let (_, because, rules) = about(0.1).expect("not at all");
    assert!(because.starts_with("only 10 %") && rules > 0, "{because}");
}

#[test]
fn a_stripped_program_and_one_without_lines_are_told() {
    let trace = trace();
    let of = |symbols, lines| {
        let build = Build { path: "/srv/app".into(), debug_assertions: false, symbols, lines, go: false };
        let all = unused(&Joined { build: Some(&build), ..joined(&trace, felt(0.001, 0.000_1)) });
        all.into_iter().find(|(evidence, ..)| evidence == "binary").map(|(_, because, _)| because)
    };
    assert_eq!(of(true, true), None);
    let stripped = of(false, false).expect("stripped");
    insta::assert_snapshot!(stripped, @r#"/srv/app has no symbols, so that places have no name: build with `strip = false` and `debug = "line-tables-only"` in its profile"#);
    assert!(of(true, false).expect("no lines").starts_with("/srv/app has no line tables"));
}

#[test]
fn a_program_of_go_is_told_how_to_say_more() {
    let none = trace();
    let build = Build { path: "/srv/app".into(), symbols: true, lines: true, go: true, debug_assertions: false };
    let slow = Joined { build: Some(&build), trace: None, traced: None, ..joined(&none, felt(0.000_3, 0.005)) };
    let explained = explain(std::slice::from_ref(&slow));
    let about = explained.unused.iter().find(|one| one.evidence == "trace").expect("it is told");
    assert!(about.because.starts_with("goroutines were not traced"), "{}", about.because);
    assert_eq!(explained.undecided[0].experiment, "workbench attach :6060");
}

#[test]
fn a_recording_that_is_too_short_is_told_from_none() {
    let trace = trace();
    let mut short = kernel(|at| KernelSample { resident: Some((5e6 + 2e6 * at) as u64), ..KernelSample::default() });
    short.samples.truncate(30);
    let told = unused(&Joined { kernel: Some(&short), ..joined(&trace, felt(0.001, 0.000_1)) });
    let (_, because, _) = told.into_iter().find(|(evidence, ..)| evidence == "wait").expect("it is told");
    assert!(because.starts_with("10 looks at its memory are too few"), "{because}");
}

#[test]
fn a_program_that_did_not_last_is_told_with_what_it_said_and_a_gentler_run() {
    let gone = Joined {
        ended: Some("`shop` answered none of 1000 operations; the last that it said: too many open files".into()),
        failed: Failed::default(),
        felt: None,
        ..driven(felt(0.001, 0.001))
    };
    let told = explain(std::slice::from_ref(&gone));
    assert_eq!((told.findings.len(), told.undecided.len()), (0, 1));
    let undecided = &told.undecided[0];
    assert!(undecided.sentence.contains("too many open files"), "{}", undecided.sentence);
    assert!(
        undecided.experiment.contains("--ladder off") && undecided.rules.iter().any(|rule| rule == "never-answered")
    );
    assert!(is_offered(&undecided.experiment), "{}", undecided.experiment);
    assert!(told.ruled_out.iter().all(|out| out.rule != "never-answered"), "nothing was asked");
    assert!(told.unused.iter().all(|one| one.because == "no trial ended well"), "{:?}", told.unused);
}
