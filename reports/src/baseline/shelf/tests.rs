use super::*;
use crate::compare::fixture;

fn baseline(name: &str, hash: &str) -> Baseline {
    let run = fixture::run("20260101-000000-http-service-abcd", Vec::new());
    Baseline {
        format: FORMAT,
        name: name.to_owned(),
        saved_at: "2026-01-01T00:00:00Z".to_owned(),
        run: run.run,
        scenario: run.scenario,
        scenario_version: 1,
        scenario_hash: "cafe".to_owned(),
        seed: 7,
        build: run.build,
        host: run.host,
        protocol: Some(1),
        programs: vec![KeptProgram {
            variant: "fixed".into(),
            hash: hash.into(),
            file: "prog".into(),
            ..KeptProgram::default()
        }],
        variants: Vec::new(),
        trials: Vec::new(),
    }
}

fn shelf() -> (tempfile::TempDir, Shelf) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("prog"), "#!/bin/sh\n").unwrap();
    let shelf = Shelf::at(folder.path().join(".workbench"));
    (folder, shelf)
}

fn keep(folder: &Path, shelf: &Shelf, name: &str, hash: &str) {
    shelf.keep(&folder.join("prog"), "prog", hash).unwrap();
    shelf.save(&baseline(name, hash)).unwrap();
}

#[test]
fn what_was_saved_is_found_with_its_program() {
    let (folder, shelf) = shelf();
    keep(folder.path(), &shelf, "main", "aa");
    let found = shelf.find("main", folder.path()).unwrap();
    assert_eq!(found.baseline, baseline("main", "aa"));
    let file = found.file(found.baseline.program("fixed").unwrap()).unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), "#!/bin/sh\n");
    assert_eq!(found.baseline.program("other"), found.baseline.program("fixed"));
}

#[test]
fn removing_one_leaves_the_programs_of_others() {
    let (folder, shelf) = shelf();
    keep(folder.path(), &shelf, "one", "aa");
    keep(folder.path(), &shelf, "two", "aa");
    keep(folder.path(), &shelf, "three", "bb");
    assert_eq!(shelf.remove("one").unwrap(), 0);
    assert_eq!(shelf.remove("three").unwrap(), 10);
    let left: Vec<String> = shelf.list().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["two"]);
    let two = shelf.find("two", folder.path()).unwrap();
    assert!(two.file(&two.baseline.programs[0]).is_ok());
}

#[test]
fn an_exported_one_is_found_by_its_folder() {
    let (folder, shelf) = shelf();
    keep(folder.path(), &shelf, "main", "aa");
    shelf.export("main", &folder.path().join("out")).unwrap();
    let elsewhere = Shelf::at("/nowhere");
    for path in ["./out", "./out/baseline.json"] {
        let found = elsewhere.find(path, folder.path()).unwrap();
        assert!(found.file(&found.baseline.programs[0]).is_ok(), "{path}");
    }
    assert!(matches!(shelf.export("main", &folder.path().join("out")), Err(BaselineError::Occupied(_))));
}

#[test]
fn what_is_wrong_is_named() {
    let (folder, shelf) = shelf();
    keep(folder.path(), &shelf, "main", "aa");
    let json = folder.path().join(".workbench/baselines/main.json");
    let whole = fs::read_to_string(&json).unwrap();
    let mut told = vec![
        shelf.free("main").unwrap_err().to_string(),
        shelf.find("mian", folder.path()).unwrap_err().to_string(),
        shelf.find("../main", folder.path()).unwrap_err().to_string(),
        shelf.free(".hidden").unwrap_err().to_string(),
        Shelf::at("/nowhere").find("main", folder.path()).unwrap_err().to_string(),
    ];
    let broken = |text: &str| {
        fs::write(&json, text).unwrap();
        shelf.find("main", folder.path()).unwrap_err().to_string()
    };
    told.push(broken(&whole[..whole.len() / 2]));
    told.push(broken(""));
    told.push(broken("{\"format\": 9}"));
    told.push(broken(&whole.replace("\"prog\"", "\"../prog\"")));
    fs::write(&json, &whole).unwrap();
    fs::remove_dir_all(folder.path().join(".workbench/binaries")).unwrap();
    let found = shelf.find("main", folder.path()).unwrap();
    told.push(found.file(&found.baseline.programs[0]).unwrap_err().to_string());
    let text = told.join("\n").replace(&*folder.path().to_string_lossy(), "FOLDER");
    insta::assert_snapshot!(text);
}
