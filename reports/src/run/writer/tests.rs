use std::fs;

use super::*;
use crate::compare::fixture::{plan, run, trial};
use crate::run::{RunError, Status, TrialOutcome, load};

const NAME: RunName<'static> = RunName { stamp: "20260102-030405", letters: "abcd" };

fn create(root: &Path, variants: &[&str]) -> Result<RunWriter, RunError> {
    RunWriter::create(root, NAME, &plan(variants, 1), "name = \"x\"\n", &run("", Vec::new()).host)
}

#[test]
fn a_new_run_has_its_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join(".workbench");
    let writer = create(&root, &["a"]).unwrap();
    assert_eq!(writer.id(), "20260102-030405-http-service-abcd");
    assert_eq!(writer.path(), root.join("runs").join(writer.id()));
    assert_eq!(fs::read_to_string(root.join(".gitignore")).unwrap(), "*\n");
    assert_eq!(fs::read_to_string(writer.path().join("scenario.toml")).unwrap(), "name = \"x\"\n");
    let mut names: Vec<_> =
        fs::read_dir(writer.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["events.jsonl", "evidence", "machine.json", "plan.json", "scenario.toml", "trials"]);
}

#[test]
fn runs_are_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    create(folder.path(), &["a"]).unwrap();
    let error = create(folder.path(), &["a"]).unwrap_err();
    assert_eq!(error.to_string(), "run 20260102-030405-http-service-abcd exists already; runs are never overwritten");
}

#[test]
fn where_no_run_can_be_kept_it_is_said_how_to_keep_them_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = create(&file.join(".workbench"), &["a"]).unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, RunError::NoPlace { .. }) && told.contains("WORKBENCH_DIR=FOLDER"), "{told}");
}

#[test]
fn an_edited_ignore_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".gitignore"), "!baselines\n").unwrap();
    create(folder.path(), &["a"]).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join(".gitignore")).unwrap(), "!baselines\n");
}

#[test]
fn names_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    for (stamp, letters) in [
        ("2026-01-02", "abcd"),
        ("20260102-03040x", "abcd"),
        ("", "abcd"),
        ("../../../etc-1", "abcd"),
        ("20260102-030405", "ABCD"),
        ("20260102-030405", "a/b."),
        ("20260102-030405", "abcde"),
    ] {
        let host = run("", Vec::new()).host;
        let made = RunWriter::create(folder.path(), RunName { stamp, letters }, &plan(&["a"], 1), "", &host);
        assert!(matches!(made, Err(RunError::Name { .. })), "{stamp} {letters}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
}

#[test]
fn hostile_variants_and_scenarios_stay_inside() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join(".workbench");
    let hostile = ["../../x", "a/b", "a b", "A/B", ""];
    let mut plan = plan(&hostile, 1);
    plan.scenario = "../../../tmp/x".into();
    let mut writer = RunWriter::create(&root, NAME, &plan, "", &run("", Vec::new()).host).unwrap();
    assert_eq!(writer.id(), "20260102-030405-tmp-x-abcd");
    for planned in &plan.trials {
        writer.trial(&trial(planned, Default::default()), &[], &[], "log").unwrap();
        let path = writer.evidence(&planned.variant, "cpu.svg", b"<svg/>").unwrap();
        assert!(writer.path().join(path).is_file());
    }
    let mut names: Vec<_> = fs::read_dir(writer.path().join("trials"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["001-x", "002-a-b", "003-a-b-2", "004-A-B-3", "005-unnamed"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only .workbench");
    assert_eq!(fs::read_dir(writer.path().join("evidence")).unwrap().count(), 5);
}

#[test]
fn evidence_files_have_plain_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = create(folder.path(), &["a"]).unwrap();
    assert_eq!(writer.evidence("a", "cpu.pb.gz", b"x").unwrap(), "evidence/a/cpu.pb.gz");
    for name in ["../x", "a/b", "", ".hidden", "..", "a b"] {
        assert!(matches!(writer.evidence("a", name, b"x"), Err(RunError::Name { .. })), "{name}");
    }
    let unknown = writer.evidence("other", "cpu.svg", b"x").unwrap_err();
    assert_eq!(unknown.to_string(), "`other` is not a variant of this run: a variant that the plan names");
}

#[test]
fn a_second_attempt_leaves_nothing_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = create(folder.path(), &["a"]).unwrap();
    let paths = writer.begin_trial(1, "a").unwrap();
    fs::write(paths.dir.join("left-over"), "x").unwrap();
    let again = writer.begin_trial(1, "a").unwrap();
    assert_eq!(paths, again);
    assert_eq!(fs::read_dir(&again.dir).unwrap().count(), 0);
}

#[test]
fn finishing_leaves_no_path_and_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = create(folder.path(), &["a"]).unwrap();
    writer.report_html("<html>").unwrap();
    writer.report_md("#").unwrap();
    let mut summary = run(writer.id(), Vec::new());
    summary.path = "/somewhere/secret".into();
    writer.finish(&summary).unwrap();
    let text = fs::read_to_string(writer.path().join("run.json")).unwrap();
    assert!(!text.contains("secret"));
    let left =
        fs::read_dir(writer.path()).unwrap().filter(|e| e.as_ref().unwrap().path().extension() == Some("tmp".as_ref()));
    assert_eq!(left.count(), 0);
    assert_eq!(load(writer.path()).unwrap().summary.unwrap().run, writer.id());
}

#[test]
fn reopening_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = create(folder.path(), &["a", "b"]).unwrap();
    let plan = plan(&["a", "b"], 1);
    writer.event(&Event::RunStarted { at: "t0".into(), resumed: false }).unwrap();
    let finish = |writer: &mut RunWriter, index: usize, at: &str| {
        writer.trial(&trial(&plan.trials[index], Default::default()), &[], &[], "").unwrap();
        let event = Event::TrialFinished { at: at.into(), index: index as u32 + 1, outcome: TrialOutcome::Ok };
        writer.event(&event).unwrap();
    };
    finish(&mut writer, 0, "t1");
    writer.finish(&run(writer.id(), Vec::new())).unwrap();
    let (path, id) = (writer.path().to_owned(), writer.id().to_owned());
    drop(writer);
    let events = path.join("events.jsonl");
    let mut torn = fs::read(&events).unwrap();
    torn.extend(b"{\"event\":\"trial_fin");
    fs::write(&events, torn).unwrap();

    let mut writer = RunWriter::reopen(&path).unwrap();
    assert_eq!(writer.id(), id);
    assert!(!path.join("run.json").exists(), "it is not finished any more");
    finish(&mut writer, 1, "t2");
    writer.event(&Event::RunFinished { at: "t3".into(), status: Status::Complete }).unwrap();
    let loaded = load(&path).unwrap();
    assert_eq!(loaded.done(), [1, 2]);
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(loaded.status(), Status::Complete);
}

#[test]
fn only_runs_of_this_format_are_reopened() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(RunWriter::reopen(folder.path()), Err(RunError::NotARun { .. })));
    let writer = create(folder.path(), &["a"]).unwrap();
    let plan = writer.path().join("plan.json");
    let text = fs::read_to_string(&plan).unwrap().replace("\"format\": 1", "\"format\": 7");
    fs::write(&plan, text).unwrap();
    assert!(matches!(RunWriter::reopen(writer.path()), Err(RunError::OtherFormat { found: 7, .. })));
}
