//! Runs `workbench run` over a program and reads what it says.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::cases::{Case, Package};
use crate::go;
use crate::quota::Quota;

/// Which of the twins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twin {
    Broken,
    Healthy,
}

impl Twin {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Healthy => "healthy",
        }
    }
}

/// Where things are built: beside the tests, so that a clean-up finds it.
pub(crate) fn target() -> PathBuf {
    let workbench = PathBuf::from(env!("CARGO_BIN_EXE_workbench"));
    workbench.parent().and_then(|profile| profile.parent()).expect("target/PROFILE/workbench").join("blame")
}

/// Where rows of the score are kept.
pub(crate) fn scores() -> PathBuf {
    target().join("score")
}

/// The programs, built as a service is: optimised, with line tables alone, and without any flag of this workspace.
pub(crate) fn programs() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built(&["--release"], "release", "blame-programs", "faulty"))
}

/// The strangers, built as the programs are.
fn strangers() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built(&["--release", "--features", "all"], "release", "blame-strangers", "strangers"))
}

fn go_strangers(of: &'static str) -> &'static PathBuf {
    go::strangers(of).expect("who asks for a program in Go has Go")
}

/// Whether what a program is built with is not here, which is said aloud.
pub(crate) fn is_unbuildable(case: &Case) -> bool {
    case.package.is_go() && !is_replay() && go::strangers("").is_none()
}

/// The programs as nobody should run them.
fn unoptimised() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built(&[], "debug", "blame-programs", "faulty"))
}

/// Those of `fast` alone.
fn few() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built(&["--release", "--no-default-features"], "release", "blame-programs", "few"))
}

fn built(profile: &[&str], folder: &str, package: &str, binary: &str) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", package, "--bin", binary, "--target-dir"])
        .arg(target())
        .args(profile)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUSTFLAGS", "")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the programs do not build");
    target().join(folder).join(binary)
}

/// The command that is judged: `BLAME_WORKBENCH`, or the one built with these tests.
pub(crate) fn workbench() -> PathBuf {
    std::env::var_os("BLAME_WORKBENCH").map_or_else(|| env!("CARGO_BIN_EXE_workbench").into(), PathBuf::from)
}

/// Whether the kernel refuses what the evidence is made of. It is said aloud, past the capture of the test harness.
pub(crate) fn is_unable() -> bool {
    static UNABLE: OnceLock<Option<String>> = OnceLock::new();
    let why = UNABLE.get_or_init(|| {
        let output = Command::new(workbench()).args(["doctor", "--json"]).output().expect("the doctor runs");
        let said: Value = serde_json::from_slice(&output.stdout).expect("the doctor prints JSON");
        refused(&said)
    });
    if let Some(why) = why {
        skipped(why);
    }
    why.is_some()
}

/// Says aloud what was not tried, past the capture of the test harness.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: blame ({why})");
}

/// The first needed mechanism that the doctor found refused.
fn refused(doctor: &Value) -> Option<String> {
    let found = doctor.as_array().expect("a list of mechanisms");
    ["perf events", "switch records", "stacks of waits", "uprobes"].iter().find_map(|needed| {
        match found.iter().find(|one| one["name"] == **needed) {
            Some(one) if one["health"] == "good" => None,
            Some(one) => Some(format!("{needed}: {}", one["found"].as_str().unwrap_or_default())),
            None => Some(format!("the doctor says nothing of {needed}")),
        }
    })
}

/// Whether runs that were kept are judged.
pub(crate) fn is_replay() -> bool {
    std::env::var_os("BLAME_REPLAY").is_some()
}

/// The document of a run over one twin.
///
/// `BLAME_KEEP=FOLDER` keeps the run there, and `BLAME_REPLAY=FOLDER` judges what was kept anew, without any load: for
/// whoever changes a rule.
pub(crate) fn explained(case: &Case, twin: Twin) -> Value {
    let is_debug = !case.has_line && twin == Twin::Broken;
    let program = || match case.package {
        Package::Programs if is_debug => unoptimised(),
        Package::Programs => programs(),
        Package::Strangers => strangers(),
        Package::GoStrangers => go_strangers(""),
        Package::GoStrangersOf(of) => go_strangers(of),
    };
    explained_with(case, twin, &program, &[])
}

/// The same of one of the few, without the closed loops at its end, for a fault that shows at a steady rate: half the time.
pub(crate) fn explained_at_its_rate(case: &Case, twin: Twin) -> Value {
    explained_with(case, twin, &few, &["--ladder", "off"])
}

fn explained_with(case: &Case, twin: Twin, program: &dyn Fn() -> &'static PathBuf, more: &[&str]) -> Value {
    if let Some(kept) = std::env::var_os("BLAME_REPLAY") {
        return explained_again(&PathBuf::from(kept).join(format!("{}-{}", case.name, twin.name())));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let quota = case.has_quota.then(Quota::half_a_cpu).flatten();
    // Traces are tokio's.
    let evidence = if case.package.is_go() { "cpu,wait" } else { "cpu,wait,trace" };
    let mut command = Command::new(workbench());
    command
        .args(["run", "--target", "http://127.0.0.1:${port}/", "--json", "--trials", "1"])
        .args(["--duration", "5s", "--evidence", evidence])
        .args(more)
        .args(["--rate", &case.rate.to_string(), "--concurrency", &case.concurrency.to_string()])
        .args(case.beside.iter().flat_map(|load| ["--background", load]))
        .arg("--")
        .arg(program())
        .args([case.name, twin.name(), "${port}"])
        .current_dir(folder.path())
        .env("WORKBENCH_DIR", folder.path())
        .stdin(Stdio::null());
    if let Some(quota) = &quota {
        command.env("FAULTY_GROUP", quota.processes());
    }
    let output = command.output().expect("workbench runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {}: {said}", case.name, twin.name());
    if let Some(kept) = std::env::var_os("BLAME_KEEP") {
        keep(folder.path(), &PathBuf::from(kept).join(format!("{}-{}", case.name, twin.name())));
    }
    serde_json::from_slice(&output.stdout).expect("one document of JSON")
}

/// What is said today of a run that was kept.
fn explained_again(kept: &Path) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    keep(kept, folder.path());
    let runs = folder.path().join(".workbench/runs");
    let mut runs = std::fs::read_dir(&runs).unwrap_or_else(|error| panic!("{}: {error}", kept.display()));
    let run = runs.next().expect("a run").expect("an entry").path();
    // Without its summary a run is summed up from its trials.
    std::fs::remove_file(run.join("run.json")).expect("a run that was finished");
    let output = Command::new(workbench()).args(["show", "--json"]).arg(&run).output().expect("workbench runs");
    assert!(output.status.success(), "{}: {}", run.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one document of JSON")
}

fn keep(run: &Path, kept: &Path) {
    let _ = std::fs::remove_dir_all(kept);
    std::fs::create_dir_all(kept).expect("a folder to keep runs in");
    let copied = Command::new("cp").arg("-a").arg(run.join(".workbench")).arg(kept).status();
    assert!(copied.is_ok_and(|status| status.success()), "{} cannot be kept", run.display());
}
