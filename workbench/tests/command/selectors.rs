//! Naming runs.

use crate::sample::{ID, add_run, program, with_run};

#[test]
fn nothing_has_run_yet() {
    let program = program();
    let shown =
        [&["show"][..], &["compare"], &["show", "@-1"], &["show", "abc"], &["run", "--resume"], &["list", "runs"]]
            .map(|arguments| program.transcript(arguments));
    insta::assert_snapshot!(shown.join("\n"));
    assert!(!program.folder().join(".workbench").exists(), "looking leaves nothing behind");
}

/// Two ids that begin alike; the messages spell them out.
#[test]
fn ambiguous_and_unknown() {
    let (program, _) = with_run();
    add_run(&program, "20260102-030406-allocator-lab-bbbb");
    let shown = [
        &["show", "20260102"][..],
        &["show", "20270101"],
        &["show", "bbbb"],
        &["show", "@-2"],
        &["show", "@1"],
        &["show", ""],
        &["show", "./elsewhere"],
        &["compare", "@", "@-7"],
        &["run", "--resume", "2026"],
    ];
    let shown = shown.map(|arguments| {
        let ran = program.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        let folder = program.folder().to_string_lossy().into_owned();
        format!("$ workbench {}\n{}", arguments.join(" "), ran.stderr.replace(&folder, "FOLDER"))
    });
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn every_way_to_name_a_run() {
    let (program, path) = with_run();
    let other = "20260102-030406-allocator-lab-bbbb";
    add_run(&program, other);
    let by_path = path.to_string_lossy().into_owned();
    let below = format!(".workbench/runs/{ID}");
    for (selector, expected) in
        [("@", other), ("@-1", ID), (ID, ID), ("20260102-030405", ID), (by_path.as_str(), ID), (below.as_str(), ID)]
    {
        let ran = program.run(&["show", selector]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains(&format!(".workbench/runs/{expected}/report.html")), "{selector}: {}", ran.stdout);
    }
}
