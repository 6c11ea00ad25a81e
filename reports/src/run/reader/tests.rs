use std::fs;
use std::sync::OnceLock;

use hdrhistogram::Histogram;
use proptest::prelude::*;

use super::*;
use crate::compare::fixture::{plan, run, trial};
use crate::run::hlog::Interval;
use crate::run::sums::not_recorded;
use crate::run::writer::{RunName, RunWriter};
use crate::run::{EvidenceKind, FORMAT, PlannedTrial, ThreadsHead, ThreadsRecord, TrialKind};

fn interval(tag: &str, millis: &[u64]) -> Interval {
    let mut histogram = Histogram::new_with_bounds(1_000, 60_000_000_000, 3).unwrap();
    for value in millis {
        histogram.record(value * 1_000_000).unwrap();
    }
    Interval { tag: tag.to_owned(), start_s: 0.0, duration_s: 1.0, histogram }
}

fn finished(index: u32, outcome: TrialOutcome) -> Event {
    Event::TrialFinished { at: "2026-01-01T00:00:09Z".into(), index, outcome }
}

/// Two blocks of two variants and an evidence trial of the second, whose profiler crashed after the first trial failed.
fn written(folder: &Path) -> PathBuf {
    let mut plan = plan(&["broken", "fixed"], 2);
    plan.trials.push(PlannedTrial {
        index: 5,
        block: None,
        variant: "fixed".into(),
        kind: TrialKind::Evidence(EvidenceKind::Cpu),
    });
    let name = RunName { stamp: "20260102-030405", letters: "abcd" };
    let mut writer = RunWriter::create(folder, name, &plan, "name = \"x\"\n", &run("", Vec::new()).host).unwrap();
    writer.event(&Event::RunStarted { at: "2026-01-01T00:00:00Z".into(), resumed: false }).unwrap();
    for planned in &plan.trials {
        let mut record = trial(planned, [("capacity".to_owned(), f64::from(planned.index))].into());
        if planned.index == 4 {
            record.driver.limited = Some("lag".into());
        }
        let millis = u64::from(planned.index);
        let intervals = [
            interval("orders", &[millis, 10 * millis]),
            interval("orders.service", &[millis]),
            interval("login", &[100]),
            interval("orders.error", &[7]),
            interval("driver.lag", &[1]),
        ];
        let timeline = [TimelinePoint { at_s: 0.0, intended: 2, p50: Some(0.001), ..TimelinePoint::default() }];
        writer.event(&Event::TrialStarted { at: "2026-01-01T00:00:01Z".into(), index: planned.index }).unwrap();
        writer.trial(&record, &intervals, &timeline, "log\n").unwrap();
        writer.event(&finished(planned.index, TrialOutcome::Ok)).unwrap();
    }
    writer.event(&Event::Warning { at: "2026-01-01T00:00:10Z".into(), message: "noisy host".into() }).unwrap();
    writer.evidence("fixed", "cpu.svg", b"<svg/>").unwrap();
    writer.event(&Event::RunFinished { at: "2026-01-01T00:00:11Z".into(), status: Status::Complete }).unwrap();
    writer.finish(&run(writer.id(), Vec::new())).unwrap();
    writer.path().to_owned()
}

/// A copy of the run of [`written`], without its fsyncs.
fn copied(folder: &Path) -> PathBuf {
    static ORIGINAL: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    fn copy(from: &Path, to: &Path) {
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let (source, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
            if source.is_dir() { copy(&source, &target) } else { fs::copy(source, target).map(drop).unwrap() }
        }
    }
    let (_, original) = ORIGINAL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        (folder, path)
    });
    let path = folder.join("run");
    copy(original, &path);
    path
}

#[test]
fn everything_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let run = load(&written(folder.path())).unwrap();
    assert_eq!(run.id, "20260102-030405-http-service-abcd");
    assert_eq!((run.status(), run.trials.len(), run.done().len()), (Status::Complete, 5, 5));
    assert_eq!(run.measured_trials().count(), 4);
    assert_eq!((run.started_at(), run.finished_at()), ("2026-01-01T00:00:00Z", "2026-01-01T00:00:11Z"));
    assert_eq!(run.scenario_toml, "name = \"x\"\n");
    assert_eq!(run.machine.cpu, "EPYC 9");
    assert_eq!(run.flamegraphs, [("fixed".to_owned(), "<svg/>".to_owned())].into());
    assert_eq!(run.timelines.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(run.warnings, ["noisy host"]);
    assert_eq!(run.evidence_folder("fixed"), "evidence/fixed");
    assert_eq!(run.trials[2].metrics["capacity"], 3.0);
    assert!(run.summary.is_some());
}

#[test]
fn histograms_merge_what_counts() {
    let folder = tempfile::tempdir().unwrap();
    let run = load(&written(folder.path())).unwrap();
    // Trials 1 and 3 are `broken`; of `fixed` trial 4 was limited and trial 5 is evidence.
    assert_eq!(run.histograms["broken"].measured.as_ref().unwrap().len(), 4);
    let fixed = &run.histograms["fixed"];
    assert_eq!(fixed.measured.as_ref().unwrap().len(), 2);
    assert_eq!(fixed.measured_service.as_ref().unwrap().len(), 1);
    assert_eq!(
        fixed.by_tag.keys().collect::<Vec<_>>(),
        ["driver.lag", "login", "orders", "orders.error", "orders.service"]
    );
    let metrics = &run.merged_metrics()["fixed"];
    assert!((metrics["latency.max"] / 0.020 - 1.0).abs() < 1e-3, "background work is not in it: {metrics:?}");
    assert!((metrics["latency.p50[login]"] / 0.1 - 1.0).abs() < 1e-3);
    assert!((metrics["service_time.p99[orders]"] / 0.002 - 1.0).abs() < 1e-3);
    assert!(!metrics.keys().any(|name| name.contains("lag") || name.contains("error")));
    assert!(metrics.keys().all(|name| crate::metric::lookup(name).is_some()), "{metrics:?}");
    assert_eq!(run.curves().keys().collect::<Vec<_>>(), ["broken", "fixed"]);
}

#[test]
fn an_interrupted_run_is_whole_up_to_its_last_trial() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    fs::remove_file(path.join("run.json")).unwrap();
    let events = path.join("events.jsonl");
    let text = fs::read_to_string(&events).unwrap();
    let third = text.match_indices("\"trial_finished\"").nth(2).unwrap().0;
    fs::write(&events, &text[..third + 30]).unwrap();
    // The trial in flight left half a record; nobody reads it.
    fs::write(path.join("trials/003-broken/trial.json"), "{\"format\": 1, ").unwrap();
    let run = load(&path).unwrap();
    assert_eq!((run.status(), run.done()), (Status::Interrupted, vec![1, 2]));
    assert_eq!(run.summary, None);
    assert_eq!(run.warnings, ["the last event was cut off while it was written; what it said is lost"]);
    assert_eq!(run.finished_at(), "2026-01-01T00:00:01Z");
}

#[test]
fn failed_trials_need_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    fs::remove_dir_all(path.join("trials/002-fixed")).unwrap();
    fs::remove_dir_all(path.join("trials/005-fixed")).unwrap();
    let failed = TrialOutcome::SubjectFailed { reason: "crashed".into(), stderr: "boom".into() };
    let mut events = fs::read_to_string(path.join("events.jsonl")).unwrap();
    for event in [finished(2, failed.clone()), finished(5, TrialOutcome::EvidenceMissing { because: "no".into() })] {
        events.push_str(&serde_json::to_string(&event).unwrap());
        events.push('\n');
    }
    fs::write(path.join("events.jsonl"), events).unwrap();
    let run = load(&path).unwrap();
    assert_eq!((run.trials.len(), &run.trials[1].outcome), (5, &failed), "the last word counts");
    assert_eq!((run.trials[1].block, run.trials[1].kind), (Some(1), TrialKind::Measure));
    assert_eq!(run.done(), [1, 3, 4, 5], "a failed subject may be tried again, missing evidence may not hold it up");
}

#[test]
fn the_event_outweighs_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let mut events = fs::read_to_string(path.join("events.jsonl")).unwrap();
    let outcome = TrialOutcome::EvidenceMissing { because: "no symbols".into() };
    events.push_str(&serde_json::to_string(&finished(5, outcome.clone())).unwrap());
    events.push('\n');
    fs::write(path.join("events.jsonl"), events).unwrap();
    assert_eq!(load(&path).unwrap().trials[4].outcome, outcome);
}

/// What the error says after the path of the run.
fn problem(path: &Path) -> String {
    let error = load(path).unwrap_err().to_string();
    error.replace(&format!("{}/", path.display()), "")
}

#[test]
fn damage_names_file_line_and_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let original = written(folder.path());
    let damage = |file: &str, change: &dyn Fn(&str) -> Option<String>| {
        let target = original.join(file);
        let before = fs::read_to_string(&target).unwrap();
        match change(&before) {
            Some(after) => fs::write(&target, after).unwrap(),
            None => fs::remove_file(&target).unwrap(),
        }
        let problem = problem(&original);
        fs::write(&target, before).unwrap();
        problem
    };
    let restore = "restore it from a copy of the run, or measure again";
    let said = damage("trials/001-broken/trial.json", &|_| None);
    assert_eq!(said, format!("trials/001-broken/trial.json: the file is missing; {restore}"));
    let said = damage("trials/001-broken/trial.json", &|text| Some(text.replace("\"index\": 1", "\"index\": 3")));
    assert_eq!(
        said,
        format!("trials/001-broken/trial.json: holds trial 3 of `broken`, planned is trial 1 of `broken`; {restore}")
    );
    let said =
        damage("trials/001-broken/trial.json", &|text| Some(text.replace("\"capacity\": 1.0", "\"capacity\": \"x\"")));
    assert!(said.starts_with("trials/001-broken/trial.json:1") && said.contains("invalid type"), "{said}");
    let said = damage("trials/001-broken/timeline.jsonl", &|text| Some(format!("{text}nonsense\n")));
    assert!(said.starts_with("trials/001-broken/timeline.jsonl:2: not a point of a timeline: "), "{said}");
    let said = damage("trials/001-broken/latency.hlog", &|text| Some(text[..text.len() / 2].to_owned()));
    assert!(said.contains("/latency.hlog:") && said.contains("the line is cut off"), "{said}");
    let said = damage("events.jsonl", &|text| Some(format!("garbage\n{text}")));
    assert!(said.starts_with("events.jsonl:1: not an event: ") && said.contains("`run --resume`"), "{said}");
    let said = damage("events.jsonl", &|text| Some(text.replace("\"index\":5", "\"index\":50")));
    assert!(said.starts_with("events.jsonl: trial 50 finished but is not planned"), "{said}");
    let said = damage("machine.json", &|_| None);
    assert_eq!(said, format!("machine.json: the file is missing; {restore}"));
    let said = damage("run.json", &|_| Some("{}".into()));
    assert!(
        said.contains("missing field `format`")
            && said.ends_with("delete it: everything it holds can be computed again"),
        "{said}"
    );
    let said = damage("plan.json", &|text| Some(text.replace("\"format\": 1", "\"format\": 7")));
    assert_eq!(
        said,
        "plan.json: this run was written in format 7; this workbench reads format 1: use the workbench that wrote it"
    );
    assert!(load(&original).is_ok(), "every file was put back");
}

#[test]
fn other_formats_are_refused_before_their_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    fs::write(path.join("machine.json"), "{\"format\": 2, \"host\": {}}").unwrap();
    assert!(matches!(load(&path), Err(RunError::OtherFormat { found: 2, .. })));
}

#[test]
fn text_that_is_not_utf8() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    fs::write(path.join("scenario.toml"), b"a\nb\xff\n").unwrap();
    assert!(problem(&path).starts_with("scenario.toml:2: not UTF-8 text"));
}

#[test]
fn not_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(
        matches!(error, RunError::NotARun { .. }) && error.to_string().ends_with("is not a run: it has no plan.json")
    );
}

const FILES: [&str; 9] = [
    "plan.json",
    "machine.json",
    "scenario.toml",
    "events.jsonl",
    "run.json",
    "evidence/fixed/cpu.svg",
    "trials/001-broken/trial.json",
    "trials/001-broken/timeline.jsonl",
    "trials/001-broken/latency.hlog",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn truncated_files_are_errors_or_earlier_states(file in prop::sample::select(&FILES[..]), cut in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = copied(folder.path());
        let bytes = fs::read(path.join(file)).unwrap();
        let kept = cut.index(bytes.len());
        fs::write(path.join(file), &bytes[..kept]).unwrap();
        match load(&path) {
            // Text has no end of its own; an event log that ends early is an interrupted run; a document may lose its
            // last line end.
            Ok(run) => {
                let shorter = ["scenario.toml", "evidence/fixed/cpu.svg", "events.jsonl", "trials/001-broken/timeline.jsonl"];
                prop_assert!(shorter.contains(&file) || kept + 1 == bytes.len(), "{file} cut at {kept}");
                prop_assert!(run.trials.len() <= 5);
            }
            Err(error) => prop_assert!(matches!(error, RunError::Damaged { .. }), "{error}"),
        }
    }

    #[test]
    fn arbitrary_files_never_panic(file in prop::sample::select(&FILES[..]), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let folder = tempfile::tempdir().unwrap();
        let path = copied(folder.path());
        fs::write(path.join(file), bytes).unwrap();
        let _ = load(&path);
    }

    #[test]
    fn flipped_bytes_never_panic(file in prop::sample::select(&FILES[..]), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = copied(folder.path());
        let mut bytes = fs::read(path.join(file)).unwrap();
        let length = bytes.len();
        bytes[at.index(length)] = byte;
        fs::write(path.join(file), bytes).unwrap();
        if let Ok(run) = load(&path) {
            let _ = (run.curves(), run.merged_metrics(), crate::compare::compare(&run.plan, &run.trials));
        }
    }
}

#[test]
fn evidence_of_another_run_is_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let host = run("", Vec::new()).host;
    let written = |letters, threads: &ThreadsRecord, profile: &[u8]| {
        let name = RunName { stamp: "20260102-030405", letters };
        let mut writer = RunWriter::create(folder.path(), name, &plan(&["a"], 1), "name = \"x\"\n", &host).unwrap();
        writer.threads("a", threads).unwrap();
        writer.evidence("a", "cpu.pb.gz", profile).unwrap();
        writer.evidence("a", "wait.svg", profile).unwrap();
        writer.path().to_owned()
    };
    let lane = |name: &str| ThreadsRecord {
        head: ThreadsHead { format: FORMAT, source: name.into(), ..ThreadsHead::default() },
        ..ThreadsRecord::default()
    };
    let (one, other) = (written("aaaa", &lane("one"), b"one"), written("bbbb", &lane("other"), b"other"));
    let read = load(&one).unwrap();
    assert!(read.unread.is_empty() && read.changed.is_empty() && read.waits["a"].threads.is_some());
    for file in ["threads.jsonl", "cpu.pb.gz", "wait.svg"] {
        fs::copy(other.join("evidence/a").join(file), one.join("evidence/a").join(file)).unwrap();
    }
    let read = load(&one).unwrap();
    assert!(read.waits.is_empty(), "they are of other threads, and so is the picture");
    let told: Vec<_> = read.unread.iter().map(|unread| (unread.kind, unread.partly, unread.because.as_str())).collect();
    let changed = |file: &str| not_recorded(&format!("evidence/a/{file}"));
    let [threads, profile, picture] = ["threads.jsonl", "cpu.pb.gz", "wait.svg"].map(changed);
    let (wait, cpu) = (EvidenceKind::Wait, EvidenceKind::Cpu);
    assert_eq!(told, [(wait, false, &*threads), (cpu, false, &*profile), (wait, true, &*picture)]);
    assert!(read.warnings.iter().any(|warning| warning.contains(&threads)), "{:?}", read.warnings);
    // What the run writes itself later is its own.
    let mut writer = RunWriter::reopen(&one).unwrap();
    writer.threads("a", &lane("again")).unwrap();
    assert!(load(&one).unwrap().waits["a"].threads.is_some());
}
