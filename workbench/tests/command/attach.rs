//! `workbench attach` to a program that has nothing of ours inside.

use std::process::{Child, Command, Stdio};

use crate::program::Program;
use crate::sample::program;

/// A process that is ended with the test, however that ends.
struct Busy(Child);

impl Busy {
    /// A shell that counts until it is killed.
    fn start() -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do i=$((i+1)); done"]).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().expect("a shell"))
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Watches until there are samples: on a starved machine the first second may have none. `None` where perf events are
/// refused, which the message must then say.
fn attached(program: &Program, busy: &Busy) -> Option<serde_json::Value> {
    for _ in 0..20 {
        let ran = program.run(&["attach", &busy.pid(), "--for", "500ms", "--json"]);
        if ran.code == Some(2) && ran.stderr.contains("perf") {
            assert!(ran.stderr.contains("refused") || ran.stderr.contains("no memory"), "{}", ran.stderr);
            return None;
        }
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let found: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
        if found["samples"].as_u64() > Some(0) {
            return Some(found);
        }
    }
    panic!("a busy shell has no samples");
}

#[test]
fn a_running_program_is_profiled_and_goes_on() {
    let program = program();
    let mut busy = Busy::start();
    let Some(found) = attached(&program, &busy) else { return };
    assert_eq!(found["pid"].as_u64(), Some(u64::from(busy.0.id())));
    assert_eq!(found["ended"], false);
    assert!(busy.0.try_wait().expect("it is our child").is_none(), "it still runs");
    let folder = std::path::Path::new(found["folder"].as_str().expect("a folder"));
    assert!(folder.starts_with(program.folder().join(".workbench/attached")), "{folder:?}");
    for file in ["cpu.pb.gz", "cpu.svg", "attach.json"] {
        assert!(folder.join(file).exists(), "{file}");
    }
    let profile = flamegraphs::read::pprof(&std::fs::read(folder.join("cpu.pb.gz")).expect("a profile"));
    let profile = profile.expect("a pprof file");
    assert_eq!(profile.total(0), found["samples"].as_i64());
    assert!(profile.coverage().is_some());
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let program = program();
    insta::assert_snapshot!(
        [
            program.transcript(&["attach", "my-service"]),
            program.transcript(&["attach", "1073741823"]),
            program.transcript(&["attach", "1", "--for", "soon"]),
            program.transcript(&["attach", "1", "--hz", "0"]),
        ]
        .join("\n")
    );
}
