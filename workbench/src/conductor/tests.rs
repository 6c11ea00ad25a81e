//! Conducting with a simulated subject: no process, no clock, no wait.

use std::path::PathBuf;

use reports::run::reader;
use reports::run::writer::RunName;
use reports::run::{BuildInfo, EvidenceKind, Machine, Metrics, TrialKind};

use super::*;
use crate::plan::tests::{scenario, variants};
use crate::subject::simulated::SimulatedSubject;

struct FrozenClock;

impl Clock for FrozenClock {
    fn now(&self) -> String {
        "2026-01-01T00:00:00.000Z".to_owned()
    }
}

#[derive(Default)]
struct Heard(Vec<String>);

impl Listener for Heard {
    fn hear(&mut self, happening: &Happening<'_>) {
        match happening {
            Happening::TrialStarted(trial) => self.0.push(format!("start {}", trial.index)),
            Happening::TrialFinished { trial, .. } => self.0.push(format!("end {}", trial.index)),
            Happening::TrialFailed { trial, reason } => self.0.push(format!("failed {}: {reason}", trial.index)),
            Happening::TrialLeftOut { trial, reason } => self.0.push(format!("left out {}: {reason}", trial.index)),
            _ => {}
        }
    }
}

fn plan_of(blocks: u32, evidence: bool) -> Plan {
    let evidence: &[EvidenceKind] = if evidence { &[EvidenceKind::Cpu] } else { &[] };
    crate::plan::plan(&crate::plan::Request {
        scenario: &scenario(),
        variants: &variants(),
        blocks,
        evidence,
        evidence_trials: 1,
        every_kind: false,
        incident: false,
        cpu: crate::evidence::sampling::resolve(None, None).unwrap(),
        heap: reports::run::HeapBackend::Sampler,
        stall_after_s: 0.01,
        task_waits: reports::run::Waits::FirstPoll,
        seed: 7,
        build: &BuildInfo::default(),
        recorded: None,
    })
}

struct Rig {
    _folder: tempfile::TempDir,
    path: PathBuf,
    writer: RunWriter,
}

fn rig(plan: &Plan) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let toml = scenarios::file::to_toml(&scenario());
    let machine = Machine { format: 1, ..Machine::default() };
    let name = RunName { stamp: "20260101-000000", letters: "abcd" };
    let writer = RunWriter::create(folder.path(), name, plan, &toml, &machine).unwrap();
    Rig { path: writer.path().to_owned(), _folder: folder, writer }
}

fn go(plan: &Plan, done: &[u32], rig: &mut Rig, subject: &mut SimulatedSubject, stop: &AtomicBool) -> (Ending, Heard) {
    let mut heard = Heard::default();
    let mut stage = Stage {
        subject,
        writer: &mut rig.writer,
        listener: &mut heard,
        clock: &FrozenClock,
        stop,
        referee: None,
        repeats: 2,
    };
    (conduct(plan, done, &mut stage).unwrap(), heard)
}

fn measured(trial: &PlannedTrial) -> Metrics {
    let slow = if trial.variant == "fixed" { 1.0 } else { 2.0 };
    let drift = 1.0 + f64::from(trial.index) * 0.001;
    Metrics::from([("cpu_per_op".to_owned(), 1e-4 * slow * drift), ("capacity".to_owned(), 1e4 / slow / drift)])
}

#[test]
fn every_trial_runs_once_in_the_order_of_the_plan_and_is_on_disk() {
    let plan = plan_of(3, false);
    let mut rig = rig(&plan);
    let mut subject = SimulatedSubject::new(&plan, |trial| Ok(measured(trial)));
    let (ending, heard) = go(&plan, &[], &mut rig, &mut subject, &AtomicBool::new(false));
    assert!(matches!(ending, Ending::Complete));
    let expected: Vec<_> = plan.trials.iter().map(|t| (t.index, t.variant.clone())).collect();
    assert_eq!(subject.ran, expected);
    assert_eq!(heard.0.len(), 12);
    let run = reader::load(&rig.path).unwrap();
    assert_eq!(run.done(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(run.status(), Status::Complete);
}

#[test]
fn an_interrupted_run_is_resumed_where_it_stopped() {
    let plan = plan_of(4, false);
    let mut rig = rig(&plan);
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let trigger = std::sync::Arc::clone(&stop);
    let mut subject = SimulatedSubject::new(&plan, move |trial| {
        trigger.store(trial.index == 3, Ordering::Relaxed);
        Ok(measured(trial))
    });
    let (ending, _) = go(&plan, &[], &mut rig, &mut subject, &stop);
    assert!(matches!(ending, Ending::Interrupted));
    let done = reader::load(&rig.path).unwrap().done();
    assert_eq!(done, [1, 2, 3]);

    stop.store(false, Ordering::Relaxed);
    rig.writer = RunWriter::reopen(&rig.path).unwrap();
    let mut rest = SimulatedSubject::new(&plan, |trial| Ok(measured(trial)));
    let (ending, _) = go(&plan, &done, &mut rig, &mut rest, &stop);
    assert!(matches!(ending, Ending::Complete));
    let indexes: Vec<u32> = rest.ran.iter().map(|(index, _)| *index).collect();
    assert_eq!(indexes, [4, 5, 6, 7, 8]);
    assert_eq!(reader::load(&rig.path).unwrap().done().len(), 8);
}

#[test]
fn a_failing_subject_ends_the_run_and_loses_nothing_before_it() {
    let plan = plan_of(2, false);
    let mut rig = rig(&plan);
    let mut subject = SimulatedSubject::new(&plan, |trial| match trial.index {
        3 => Err(SubjectError::Failed { reason: "was ended by SIGABRT".into(), stderr: "oh no\n".into() }),
        _ => Ok(measured(trial)),
    });
    let (ending, heard) = go(&plan, &[], &mut rig, &mut subject, &AtomicBool::new(false));
    let Ending::SubjectFailed { reason, stderr } = ending else { panic!("{ending:?}") };
    assert!(reason.starts_with("trial 3 (") && reason.ends_with("was ended by SIGABRT"), "{reason}");
    assert_eq!(stderr, "oh no\n");
    assert!(heard.0.contains(&"failed 3: was ended by SIGABRT".to_owned()));
    let run = reader::load(&rig.path).unwrap();
    assert_eq!(run.done(), [1, 2]);
    assert_eq!(run.status(), Status::Failed);
}

#[test]
fn a_resumed_run_says_what_failed_before_and_what_was_measured_in_two_sittings() {
    let plan = plan_of(3, false);
    let mut rig = rig(&plan);
    let go_ahead = AtomicBool::new(false);
    let mut failing = SimulatedSubject::new(&plan, |trial| match trial.index {
        4 => Err(SubjectError::Failed { reason: "was ended by SIGABRT".into(), stderr: String::new() }),
        _ => Ok(measured(trial)),
    });
    go(&plan, &[], &mut rig, &mut failing, &go_ahead);
    let warnings = |rig: &Rig| crate::report::of(&rig.path).unwrap().warnings.join("\n");
    let before = warnings(&rig);
    assert!(!before.contains("failed once") && !before.contains("interrupted"), "{before}");

    let done = reader::load(&rig.path).unwrap().done();
    rig.writer = RunWriter::reopen(&rig.path).unwrap();
    let mut rest = SimulatedSubject::new(&plan, |trial| Ok(measured(trial)));
    go(&plan, &done, &mut rig, &mut rest, &go_ahead);
    let after = warnings(&rig);
    let failed = format!("`{}` failed once in trials that ended well", plan.trials[3].variant);
    assert!(after.contains(&failed) && after.contains("block 2: begun before the run was interrupted"), "{after}");
}

#[test]
fn a_crashed_profiler_costs_the_evidence_and_nothing_else() {
    let plan = plan_of(1, true);
    let mut rig = rig(&plan);
    let mut subject = SimulatedSubject::new(&plan, |trial| match trial.kind {
        TrialKind::Evidence(_) => {
            Err(SubjectError::Failed { reason: "was ended by SIGSEGV".into(), stderr: String::new() })
        }
        TrialKind::Measure => Ok(measured(trial)),
    });
    let (ending, _) = go(&plan, &[], &mut rig, &mut subject, &AtomicBool::new(false));
    assert!(matches!(ending, Ending::Complete));
    let summary = crate::report::write(&mut rig.writer, ending.status(), "2026-01-01T00:01:00Z").unwrap();
    assert_eq!(summary.status, Status::Complete);
    assert!(summary.profiles.iter().all(|p| p.missing.as_deref() == Some("was ended by SIGSEGV")), "{summary:#?}");
    assert_eq!(summary.variants.iter().map(|v| v.trials).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn evidence_that_would_show_nothing_is_left_out_with_the_reason() {
    let plan = plan_of(1, true);
    let mut rig = rig(&plan);
    let mut subject = SimulatedSubject::new(&plan, |trial| Ok(measured(trial)));
    subject.lacks = Some("there is no tokio in it".into());
    let (ending, heard) = go(&plan, &[], &mut rig, &mut subject, &AtomicBool::new(false));
    assert!(matches!(ending, Ending::Complete));
    assert_eq!(subject.ran.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2], "the measured trials alone");
    assert_eq!(heard.0[4..], ["left out 3: there is no tokio in it", "left out 4: there is no tokio in it"]);
    let summary = crate::report::write(&mut rig.writer, ending.status(), "2026-01-01T00:01:00Z").unwrap();
    assert!(
        summary.profiles.iter().all(|one| one.missing.as_deref() == Some("there is no tokio in it")),
        "{summary:#?}"
    );
    assert_eq!(reader::load(&rig.path).unwrap().done(), [1, 2, 3, 4], "and not tried again when the run is resumed");
}

#[test]
fn a_trial_whose_driver_was_late_runs_again_and_what_was_left_out_is_told() {
    let plan = plan_of(2, true);
    let mut rig = rig(&plan);
    let mut subject = SimulatedSubject::new(&plan, |trial| Ok(measured(trial)));
    subject.late = 3;
    let (ending, heard) = go(&plan, &[], &mut rig, &mut subject, &AtomicBool::new(false));
    assert!(matches!(ending, Ending::Complete));
    // Twice in all: the third attempt is late, too, and stands as it is.
    let indexes: Vec<u32> = subject.ran.iter().map(|(index, _)| *index).collect();
    assert_eq!(indexes, [1, 1, 1, 2, 3, 4, 5, 6]);
    assert_eq!(heard.0.iter().filter(|line| line.starts_with("start ")).count(), plan.trials.len());
    let summary = crate::report::write(&mut rig.writer, ending.status(), "2026-01-01T00:01:00Z").unwrap();
    let run = reader::load(&rig.path).unwrap();
    let first = &run.trials.iter().find(|trial| trial.index == 1).unwrap().driver;
    assert_eq!(first.repeated, ["late at attempt 1", "late at attempt 2"]);
    assert_eq!(first.limited.as_deref(), Some("late at attempt 3"));
    let told = summary.warnings.join("\n");
    assert!(told.contains("2 attempts at 1 trial were left out and run again"), "{told}");
}

#[test]
fn a_setting_that_did_not_take_stops_the_run_before_any_trial() {
    let plan = plan_of(1, false);
    let mut plan = plan;
    plan.variants[0].requested.insert("allocator.kind".into(), "system".into());
    let mut rig = rig(&plan);
    let mut subject = SimulatedSubject::new(&plan, |trial| Ok(measured(trial)));
    subject.effective.insert("allocator.kind".into(), "jemalloc".into());
    let (ending, _) = go(&plan, &[], &mut rig, &mut subject, &AtomicBool::new(false));
    let Ending::Refused(message) = ending else { panic!("{ending:?}") };
    insta::assert_snapshot!(message, @"variant `broken`: `allocator.kind` = system was asked for, but the process runs with jemalloc");
    assert!(subject.ran.is_empty());
}

#[test]
fn a_simulated_difference_gets_its_verdict() {
    let plan = plan_of(12, false);
    let mut rig = rig(&plan);
    let mut subject = SimulatedSubject::new(&plan, |trial| Ok(measured(trial)));
    let (ending, _) = go(&plan, &[], &mut rig, &mut subject, &AtomicBool::new(false));
    let summary = crate::report::write(&mut rig.writer, ending.status(), "2026-01-01T00:01:00Z").unwrap();
    let cpu = summary.comparisons.iter().find(|c| c.metric == "cpu_per_op").unwrap();
    assert_eq!(cpu.verdict, reports::run::Verdict::Improved);
    assert_eq!(cpu.pairs, 12);
    assert!((cpu.ratio.unwrap() - 0.5).abs() < 0.01, "{cpu:?}");
    assert!(rig.path.join("report.html").exists() && rig.path.join("run.json").exists());
}

#[test]
fn settings_agree_across_spellings() {
    let of = |path: &str, value: &str| Settings::from([(path.to_owned(), value.to_owned())]);
    assert_eq!(disagreement(&of("cpu.affinity", "0-1"), &of("cpu.affinity", "0,1")), None);
    assert_eq!(disagreement(&of("workload.login", "pool"), &of("workload.login", "pool")), None);
    insta::assert_snapshot!(
        disagreement(&of("runtime.event_interval", "7"), &Settings::new()).unwrap(),
        @"`runtime.event_interval` = 7 was asked for, and the process could not read it back"
    );
}
