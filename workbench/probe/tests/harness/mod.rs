//! Instead of the usual harness, whose own threads allocate while a test counts: tests in order, on the main thread;
//! and this very program again, for checks that need a process with an allocator of its own.

#![expect(clippy::print_stdout, reason = "a test harness reports there")]

use std::process::{Command, Output};

use probe::allocator::{ENV, Kind};

/// A test or a check, by name.
pub(crate) type Named = (&'static str, fn());

/// Names the check that a process started by this one is to run.
const CHECK: &str = "PROBE_CHECK";

/// Runs the check that the environment names, otherwise the tests that the command line asks for.
pub(crate) fn run(tests: &[Named], checks: &[Named]) {
    if let Ok(name) = std::env::var(CHECK) {
        let (_, check) = checks.iter().find(|(known, _)| *known == name).unwrap();
        return check();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| {
        let matches = |filter: &&String| if has("--exact") { name == **filter } else { name.contains(filter.as_str()) };
        filters.is_empty() || filters.iter().any(matches)
    };
    for (name, test) in tests.iter().filter(|(name, _)| wanted(name) && !has("--ignored")) {
        if has("--list") {
            println!("{name}: test");
        } else {
            test();
            println!("test {name} ... ok");
        }
    }
}

/// Runs a check alone, in a process whose environment chooses the kind, or says nothing of it.
pub(crate) fn child(check: &str, kind: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CHECK, check).env_remove(ENV);
    if let Some(kind) = kind {
        command.env(ENV, kind);
    }
    command.output().unwrap()
}

/// Runs a check in a process of each kind.
pub(crate) fn passes_under_each_kind(check: &str) {
    for kind in Kind::ALL {
        let output = child(check, Some(kind.name()));
        assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
