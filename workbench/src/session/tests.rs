//! Wishes that become plans, those that are refused, and runs that go on.

use std::time::Duration;

use reports::run::{EvidenceKind, HeapBackend};
use scenarios::catalog::Catalog;

use super::*;

fn wish(amount: Amount) -> Wish {
    Wish { scenario: "http-service".into(), amount, evidence: Some(Vec::new()), seed: Some(1), ..Wish::default() }
}

#[test]
fn amounts_become_blocks() {
    let blocks = |amount| prepare(&wish(amount), &Catalog::builtin()).unwrap().plan.blocks;
    assert_eq!(blocks(Amount::AsTheScenarioSays), 12);
    assert_eq!(blocks(Amount::Blocks(5)), 5);
    assert_eq!(blocks(Amount::Quick), 3);
    assert!(blocks(Amount::Within(Duration::from_secs(600))) > 12);
}

#[test]
fn impossible_amounts_are_refused() {
    let refused = |amount| prepare(&wish(amount), &Catalog::builtin()).unwrap_err().to_string();
    assert!(refused(Amount::Blocks(0)).contains("out of range"));
    assert!(refused(Amount::Within(Duration::from_secs(1))).contains("too short"));
}

#[test]
fn jemallocs_profiler_is_not_asked_about_another_allocator() {
    let asked = |kind: &str| Wish {
        heap_backend: Some(HeapBackend::Jemalloc),
        set: vec![("allocator.kind".into(), kind.into())],
        evidence: Some(vec![EvidenceKind::Heap]),
        ..wish(Amount::Blocks(1))
    };
    let refused = prepare(&asked("mimalloc"), &Catalog::builtin()).unwrap_err().to_string();
    assert!(refused.contains("sees only jemalloc") && refused.contains("mimalloc"), "{refused}");
    assert_eq!(prepare(&asked("jemalloc"), &Catalog::builtin()).unwrap().plan.heap, Some(HeapBackend::Jemalloc));
}

#[test]
fn evidence_is_gathered_once_of_each_kind() {
    let wish = Wish { evidence: Some(vec![EvidenceKind::Cpu, EvidenceKind::Cpu]), ..wish(Amount::Blocks(1)) };
    assert_eq!(prepare(&wish, &Catalog::builtin()).unwrap().plan.trials.len(), 4);
}

#[test]
fn a_run_whose_scenario_was_changed_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let prepared = prepare(&wish(Amount::Blocks(1)), &Catalog::builtin()).unwrap();
    let path = Session::create(prepared, &Store::at(folder.path())).unwrap().writer.path().to_owned();
    assert_eq!(Session::resume(&path).unwrap().left(), 2);
    let file = path.join("scenario.toml");
    let toml = std::fs::read_to_string(&file).unwrap();
    assert!(toml.contains("concurrency = 32"), "{toml}");
    std::fs::write(&file, toml.replace("concurrency = 32", "concurrency = 16")).unwrap();
    let refused = Session::resume(&path).unwrap_err().to_string();
    assert!(refused.contains("no longer the one that was planned"), "{refused}");
}

#[test]
fn a_program_lies_where_its_scenario_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let text = "name = \"mine\"\nversion = 1\nsummary = \"\"\n[subject]\ncommand = [\"./run\"]\n\
                target = \"http://127.0.0.1:1/a\"\nfolder = \"bin\"\n[load]\nrate = 1\ntls_ca = \"ca.pem\"\n";
    std::fs::write(&file, text).unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    let wish = Wish { scenario: file.to_string_lossy().into_owned(), ..wish(Amount::Blocks(1)) };
    let missing = prepare(&wish, &Catalog::empty()).unwrap_err().to_string();
    assert!(missing.contains("there is no program `./run` in") && missing.contains("bin"), "{missing}");
    std::os::unix::fs::symlink("/bin/sh", folder.path().join("bin/run")).unwrap();
    let scenario = prepare(&wish, &Catalog::empty()).unwrap().resolved.scenario;
    let here = folder.path().canonicalize().unwrap();
    assert_eq!(scenario.subject.unwrap().folder, Some(here.join("bin")));
    assert_eq!(scenario.load.tls_ca.map(std::path::PathBuf::from), Some(here.join("ca.pem")));
}

#[test]
fn evidence_of_a_program_is_what_is_seen_from_outside() {
    let text = "name = \"mine\"\nversion = 1\nsummary = \"\"\n[subject]\ncommand = [\"sh\"]\n\
                target = \"http://127.0.0.1:1/a\"\n[load]\nrate = 1\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, text).unwrap();
    let wish = Wish { scenario: file.to_string_lossy().into_owned(), evidence: None, ..wish(Amount::Blocks(1)) };
    let plan = prepare(&wish, &Catalog::empty()).unwrap().plan;
    let kinds: Vec<_> = plan.trials.iter().filter_map(|trial| trial.kind.evidence()).collect();
    assert_eq!(kinds, [EvidenceKind::Cpu, EvidenceKind::Wait, EvidenceKind::Trace]);
    for kind in [EvidenceKind::Heap, EvidenceKind::Tasks, EvidenceKind::Allocator, EvidenceKind::Console] {
        let wish = Wish { evidence: Some(vec![kind]), ..wish.clone() };
        let refused = prepare(&wish, &Catalog::empty()).unwrap_err().to_string();
        assert!(refused.contains(&format!("`--evidence {}` cannot be had", kind.name())), "{refused}");
    }
}

#[test]
fn names_are_four_letters() {
    let name = letters();
    assert!(name.len() == 4 && name.bytes().all(|b| b.is_ascii_lowercase()), "{name}");
}
