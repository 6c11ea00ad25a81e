use std::fs;

use super::*;
use crate::compare::fixture::{plan, run};
use crate::run::writer::{RunName, RunWriter};

fn make(root: &Path, stamp: &str, letters: &str) -> RunWriter {
    RunWriter::create(root, RunName { stamp, letters }, &plan(&["a"], 1), "", &run("", Vec::new()).host).unwrap()
}

fn three(root: &Path) -> Vec<String> {
    ["20260101-000000", "20260102-000000", "20260103-000000"]
        .map(|stamp| make(root, stamp, "abcd").id().to_owned())
        .into()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn selectors() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let ids = three(folder.path());
    let resolve = |selector: &str| store.resolve(selector, folder.path()).unwrap();
    assert_eq!(name(&resolve("@")), ids[2]);
    assert_eq!(name(&resolve("@-0")), ids[2]);
    assert_eq!(name(&resolve("@-1")), ids[1]);
    assert_eq!(name(&resolve("@-2")), ids[0]);
    assert_eq!(name(&resolve("20260102")), ids[1]);
    assert_eq!(name(&resolve(&ids[0])), ids[0]);
    assert_eq!(name(&resolve(&format!("runs/{}", ids[0]))), ids[0]);
    assert_eq!(name(&resolve(&format!("./runs/{}/", ids[0]))), ids[0]);
    let absolute = folder.path().join("runs").join(&ids[1]);
    assert_eq!(resolve(absolute.to_str().unwrap()), absolute);
}

#[test]
fn an_id_wins_over_longer_ones_and_over_folders() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let id = make(folder.path(), "20260101-000000", "abcd").id().to_owned();
    let runs = folder.path().join("runs");
    fs::create_dir(runs.join(format!("{id}-copy"))).unwrap();
    fs::copy(runs.join(&id).join("plan.json"), runs.join(format!("{id}-copy/plan.json"))).unwrap();
    assert_eq!(name(&store.resolve(&id, &runs).unwrap()), id);
}

#[test]
fn what_does_not_resolve_says_what_could() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let error = |selector: &str| store.resolve(selector, folder.path()).unwrap_err().to_string();
    assert_eq!(error("@"), "no run `@`; there are no runs here yet: `workbench run` makes one");
    let ids = three(folder.path());
    assert_eq!(error("2026"), format!("`2026` fits 3 runs: {}, {}, {}; give more of the id", ids[2], ids[1], ids[0]));
    assert!(error("@-3").starts_with("no run `@-3`; the nearest are 20260103"));
    for odd in ["@+1", "@-", "@x", "@-99999999999999999999"] {
        assert!(error(odd).starts_with(&format!("no run `{odd}`")), "{odd}");
    }
    assert_eq!(error("20260109"), format!("no run `20260109`; the nearest are {}, {}, {}", ids[2], ids[1], ids[0]));
    assert!(error("http-service").contains("the nearest are"));
    assert!(error("\u{1b}[31m").starts_with("no run `\\u{1b}[31m`"));
    assert!(error("").starts_with("no run ``"));
    assert!(error("./nowhere").ends_with("nowhere is not a run: it has no plan.json"));
}

#[test]
fn lists_newest_first_and_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    assert_eq!(store.list().unwrap(), []);
    let mut done = make(folder.path(), "20260101-000000", "aaaa");
    let mut summary = run(done.id(), Vec::new());
    summary.verdict = "`fixed` lowers it.".into();
    done.finish(&summary).unwrap();
    make(folder.path(), "20260102-000000", "bbbb");
    let damaged = make(folder.path(), "20260103-000000", "cccc");
    fs::write(damaged.path().join("plan.json"), "nonsense").unwrap();
    fs::create_dir(folder.path().join("runs/20260104-not-a-run")).unwrap();
    let listed = store.list().unwrap();
    let shown: Vec<_> = listed.iter().map(|run| (run.scenario.as_str(), run.status)).collect();
    assert_eq!(
        shown,
        [("", None), ("http-service", Some(Status::Interrupted)), ("http-service", Some(Status::Complete))]
    );
    assert!(listed[0].verdict.contains("plan.json:1: expected"), "{}", listed[0].verdict);
    assert_eq!(listed[1].verdict, "not finished: `workbench run --resume` goes on with it");
    assert_eq!(listed[2].verdict, "`fixed` lowers it.");
}

#[test]
fn two_runs_of_one_second_are_in_the_order_they_were_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let older = make(folder.path(), "20260101-000000", "zzzz").path().join("plan.json");
    let newer = make(folder.path(), "20260101-000000", "aaaa").id().to_owned();
    let earlier = SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(older).unwrap().set_modified(earlier).unwrap();
    assert_eq!(name(&store.resolve("@", folder.path()).unwrap()), newer);
}

#[test]
fn the_nearest_store_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b");
    fs::create_dir_all(&deep).unwrap();
    assert_eq!(Store::discover(&deep).root(), deep.join(".workbench"), "a new one");
    fs::create_dir(folder.path().join(".workbench")).unwrap();
    assert_eq!(Store::discover(&deep).root(), folder.path().join(".workbench"));
}
