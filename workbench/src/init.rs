//! Files that a repository needs to gate its changes. Nothing that is there is ever overwritten.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use reports::limits;

use crate::exit::Refusal;

/// Limits of a workflow where nobody says others: what a busy shared runner can still show.
pub const LIMITS: [&str; 2] = ["cpu_per_op<+5%", "error_rate<=0.1%"];

/// Calls workbench in a repository that has it as a crate.
const CARGO_RUN: &str = "cargo run --release --quiet --";

const WORKFLOW: &str = include_str!("init/workflow.yml");
/// Flags that our own builds have, for a repository that uses the library.
const CARGO_CONFIG: &str =
    "[build]\nrustflags = [\"--cfg\", \"tokio_unstable\", \"-C\", \"force-frame-pointers=yes\"]\n";

/// The action as this repository has it: its folder within a repository, names and texts.
const ACTION: [(&str, &str); 3] = [
    (".github/actions/workbench-gate/action.yml", include_str!("../../.github/actions/workbench-gate/action.yml")),
    (".github/actions/workbench-gate/gate.sh", include_str!("../../.github/actions/workbench-gate/gate.sh")),
    (".github/actions/workbench-gate/comment.sh", include_str!("../../.github/actions/workbench-gate/comment.sh")),
];

/// What a workflow should do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Scenario; empty for the default one.
    pub scenario: String,
    /// Limits; [`LIMITS`] where there are none.
    pub limits: Vec<String>,
    /// How workbench is called; `cargo run` where the repository has it as a crate, and `workbench` elsewhere.
    pub workbench: Option<String>,
    /// Command that installs it.
    pub install: Option<String>,
}

/// A file to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path within the repository.
    pub path: PathBuf,
    /// Contents.
    pub text: String,
}

/// The workflow and the action for GitHub, in a repository whose top is `root`.
///
/// # Errors
/// A [`Refusal`] for limits that are none, for text that no YAML line can hold, and where nothing says how a runner gets
/// workbench.
pub fn github(root: &Path, wish: &Wish) -> anyhow::Result<Vec<File>> {
    let given: Vec<&str> = match wish.limits.as_slice() {
        [] => LIMITS.to_vec(),
        given => given.iter().map(String::as_str).collect(),
    };
    for limit in &given {
        limits::parse(limit).map_err(|error| Refusal::usage(format!("`--limit {limit}`: {error}")))?;
    }
    let own = uses_workbench(root);
    let workbench = match (&wish.workbench, own) {
        (Some(command), _) => command.as_str(),
        (None, true) => CARGO_RUN,
        (None, false) if wish.install.is_some() => "workbench",
        (None, false) => {
            return Err(Refusal::usage(format!(
                "nothing says how a runner gets workbench, since {} does not name it: give `--install COMMAND` (such as \
                 'cargo install --locked --git URL workbench'), or `--workbench COMMAND` where it is there already",
                root.join("Cargo.toml").display()
            )));
        }
    };
    let texts = [("--scenario", wish.scenario.as_str()), ("--workbench", workbench)];
    for (flag, text) in texts.into_iter().chain(wish.install.as_deref().map(|text| ("--install", text))) {
        if text.chars().any(char::is_control) || text.contains("${{") {
            return Err(Refusal::usage(format!("`{flag}` must be one line without `${{{{`")));
        }
    }
    let lines: Vec<String> = given.iter().map(|limit| format!("            {limit}")).collect();
    let workflow = WORKFLOW
        .replace("@SCENARIO@", &quoted(&wish.scenario))
        .replace("@LIMITS@", &lines.join("\n"))
        .replace("@WORKBENCH@", &quoted(workbench))
        .replace("@INSTALL@", &quoted(wish.install.as_deref().unwrap_or("")));
    let mut files = vec![File { path: ".github/workflows/workbench.yml".into(), text: workflow }];
    files.extend(ACTION.iter().map(|(path, text)| File { path: path.into(), text: (*text).to_owned() }));
    Ok(files)
}

/// Cargo's flags with which everything of the probe works.
pub fn cargo_config() -> File {
    File { path: ".cargo/config.toml".into(), text: CARGO_CONFIG.to_owned() }
}

/// Writes the files below `root`: all of them, or, where one is there already, none.
///
/// # Errors
/// A [`Refusal`] that names what is there; files that cannot be written.
pub fn write(root: &Path, files: &[File]) -> anyhow::Result<()> {
    let there: Vec<String> = files
        .iter()
        .filter(|file| root.join(&file.path).exists())
        .map(|file| file.path.display().to_string())
        .collect();
    if !there.is_empty() {
        return Err(Refusal::usage(format!(
            "{} {} there already, and nothing is overwritten: move it away, or merge by hand what `--print` shows",
            there.join(", "),
            if there.len() == 1 { "is" } else { "are" }
        )));
    }
    for file in files {
        let path = root.join(&file.path);
        let told = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(told)?;
        }
        let mut opened = OpenOptions::new().write(true).create_new(true).open(&path).with_context(told)?;
        opened.write_all(file.text.as_bytes()).with_context(told)?;
        if path.extension().is_some_and(|extension| extension == "sh") {
            opened.set_permissions(fs::Permissions::from_mode(0o755)).with_context(told)?;
        }
    }
    Ok(())
}

/// Whether the repository has workbench as a crate: its own, or one that it depends on.
fn uses_workbench(root: &Path) -> bool {
    let Ok(text) = fs::read_to_string(root.join("Cargo.toml")) else { return false };
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
    words.any(|word| word == "workbench")
}

/// A JSON string is a YAML string in double quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(manifest: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        if !manifest.is_empty() {
            fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        }
        folder
    }

    #[test]
    fn a_workflow_is_written_once() {
        let folder = repository("[dependencies]\nworkbench = { git = \"…\" }\n");
        let wish =
            Wish { scenario: "bench/shop.toml".into(), limits: vec!["latency.p99<+10%".into()], ..Wish::default() };
        let files = github(folder.path(), &wish).unwrap();
        insta::assert_snapshot!(files[0].text);
        write(folder.path(), &files).unwrap();
        let script = folder.path().join(".github/actions/workbench-gate/gate.sh");
        assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o111, 0o111);

        fs::write(&script, "mine").unwrap();
        let refused = write(folder.path(), &files).unwrap_err().to_string();
        assert!(refused.contains("gate.sh") && refused.contains("nothing is overwritten"), "{refused}");
        assert_eq!(fs::read_to_string(&script).unwrap(), "mine");
    }

    #[test]
    fn where_one_file_is_there_none_is_written() {
        let folder = repository("");
        let files = github(folder.path(), &Wish { install: Some("true".into()), ..Wish::default() }).unwrap();
        let last = folder.path().join(&files[3].path);
        fs::create_dir_all(last.parent().unwrap()).unwrap();
        fs::write(&last, "").unwrap();
        write(folder.path(), &files).unwrap_err();
        assert!(!folder.path().join(&files[0].path).exists());
    }

    #[test]
    fn a_runner_must_get_workbench_from_somewhere() {
        let told = |wish: Wish| github(repository("[package]\nname = \"shop\"\n").path(), &wish);
        let refused = told(Wish::default()).unwrap_err().to_string();
        assert!(refused.contains("give `--install COMMAND`"), "{refused}");
        let installed = told(Wish { install: Some("make \"it\"".into()), ..Wish::default() }).unwrap();
        assert!(installed[0].text.contains("workbench: \"workbench\"\n          install: \"make \\\"it\\\"\""));
        let bad = told(Wish { limits: vec!["cpu<3%".into()], ..Wish::default() }).unwrap_err().to_string();
        assert!(bad.starts_with("`--limit cpu<3%`: "), "{bad}");
        let injected = Wish { install: Some("x ${{ secrets.A }}".into()), ..Wish::default() };
        assert!(told(injected).unwrap_err().to_string().contains("must be one line"));
    }

    /// The scripts as GitHub would run them, with a workbench that only writes down how it was called.
    #[test]
    fn the_action_hands_its_inputs_on() {
        let folder = repository("");
        let files = github(folder.path(), &Wish { install: Some("true".into()), ..Wish::default() }).unwrap();
        write(folder.path(), &files).unwrap();
        let fake = folder.path().join("fake");
        fs::write(&fake, "#!/bin/sh\nprintf '%s\\n' \"$@\" > called\nexit 10\n").unwrap();
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
        let output = folder.path().join("output");
        let ran = std::process::Command::new("bash")
            .arg(folder.path().join(&files[2].path))
            .current_dir(folder.path())
            .envs([("SCENARIO", "a b.toml"), ("LIMITS", "  cpu_per_op<+3%\n\n latency.p99<50ms "), ("FOR", "60s")])
            .envs([("WORKBENCH", "./fake --flag"), ("ARGUMENTS", "--set\nx=1 2"), ("BUDGET", "37%")])
            .env("GITHUB_OUTPUT", &output)
            .env_remove("GITHUB_STEP_SUMMARY")
            .status()
            .unwrap();
        assert!(ran.success());
        assert_eq!(fs::read_to_string(output).unwrap(), "exit=10\n");
        let called = fs::read_to_string(folder.path().join("called")).unwrap();
        let expected = "--flag\ngate\na b.toml\n--for\n60s\n--budget\n37%\n--limit\ncpu_per_op<+3%\n--limit\nlatency.p99<50ms\n\
                        --set\nx=1 2\n--output\nannotations\n--output\ncomment=.workbench/ci/comment.md\n--output\n\
                        junit=.workbench/ci/junit.xml\n";
        assert_eq!(called, expected);
    }

    /// The real checker of workflows, where it is installed.
    #[test]
    fn actionlint_accepts_the_workflow() {
        let folder = repository("");
        let wish =
            Wish { scenario: "a: b # \"c\"".into(), install: Some("echo 'x' && true".into()), ..Wish::default() };
        let files = github(folder.path(), &wish).unwrap();
        write(folder.path(), &files).unwrap();
        // It finds local actions only within a repository.
        fs::create_dir(folder.path().join(".git")).unwrap();
        let path = folder.path().join(&files[0].path);
        let mut checker = std::process::Command::new("actionlint");
        // A version of an action that is right today is deprecated some day.
        checker.args(["-ignore", "deprecated"]).arg(&path).current_dir(folder.path());
        let Ok(checked) = checker.output() else { return };
        let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{said}");
    }
}
