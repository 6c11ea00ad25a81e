//! The workflow and the action that `init --ci github` writes, read by a reader of YAML and run step by step as a runner of
//! GitHub does: its variables, its files, and a `gh` that only writes down what would have been posted.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr::{LoadableYamlNode, Yaml};

use crate::ci::write_scenario;
use crate::program::{Program, Ran};
use crate::sample::program;

/// Lists the comments that there are, keeps what is posted, and fails where it is told to.
const GH: &str = r#"#!/bin/sh
printf '%s\n' "$*" >>"$GH_FOLDER/calls"
[ -e "$GH_FOLDER/refuses" ] && exit 1
case "$*" in *--jq*) cat "$GH_FOLDER/comments" 2>/dev/null ;; esac
for argument in "$@"; do
    case "$argument" in body=@*) cp "${argument#body=@}" "$GH_FOLDER/posted" ;; esac
done
exit 0
"#;

/// A job on a runner: what the action was given, and what its steps said.
struct Job {
    program: Program,
    inputs: BTreeMap<String, String>,
}

/// What a job came to.
struct Done {
    /// Names of the steps that ran, with their exit codes.
    steps: Vec<(String, Option<i32>)>,
    said: String,
    summary: String,
    /// What `gh` was called with.
    calls: String,
    posted: String,
}

impl Job {
    /// A repository with the files of `init`, and the inputs that its workflow gives the action.
    fn new() -> Self {
        let program = program();
        write_scenario(&program, "objective = 0.01");
        let us = env!("CARGO_BIN_EXE_workbench");
        let ran = program.run(&[
            "init",
            "--ci",
            "github",
            "--scenario",
            "slow.toml",
            "--limit",
            "rss.max<1000GiB",
            "--limit",
            "errors<=1000000",
            "--workbench",
            us,
            "--install",
            "echo installed here",
        ]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let text = fs::read_to_string(program.folder().join(".github/workflows/workbench.yml")).expect("a workflow");
        let workflow = &Yaml::load_from_str(&text).expect("YAML")[0];
        assert!(workflow["on"].as_mapping_get("pull_request").is_some(), "{text}");
        assert_eq!(workflow["permissions"]["pull-requests"].as_str(), Some("write"));
        let steps = list(&workflow["jobs"]["gate"]["steps"]);
        let uses: Vec<&str> = steps.iter().filter_map(|step| step["uses"].as_str()).collect();
        let names: Vec<&str> = uses.iter().map(|uses| uses.split('@').next().expect("a name")).collect();
        let expected =
            ["actions/checkout", "actions/cache", "./.github/actions/workbench-gate", "actions/upload-artifact"];
        assert_eq!(names, expected);
        // Without the whole history there is no base to build.
        assert_eq!(steps[0]["with"]["fetch-depth"].as_integer(), Some(0));
        assert_eq!(steps[3]["if"].as_str(), Some("always()"));
        let mut inputs = map(&steps[2]["with"]);
        assert_eq!(inputs["against-rev"], "${{ github.event.pull_request.base.sha }}");
        assert_eq!(inputs["limits"], "rss.max<1000GiB\nerrors<=1000000\n");
        // Two sides of one program: nothing is built here.
        inputs.insert("against-rev".to_owned(), String::new());
        inputs.insert("arguments".to_owned(), "--against-variant\none\n--variant\ntwo\n--trials\n2\n".to_owned());
        Self { program, inputs }
    }

    fn folder(&self) -> &Path {
        self.program.folder()
    }

    fn gh(&self) -> PathBuf {
        self.folder().join("gh-folder")
    }

    /// Runs the action's steps in order.
    fn run(&self) -> Done {
        let gh = self.gh();
        fs::create_dir_all(&gh).expect("a folder");
        fs::write(gh.join("gh"), GH).expect("written");
        fs::set_permissions(gh.join("gh"), fs::Permissions::from_mode(0o755)).expect("executable");
        for stale in ["calls", "posted", "output", "summary"] {
            let _ = fs::remove_file(gh.join(stale));
        }
        let action = self.folder().join(".github/actions/workbench-gate");
        let text = fs::read_to_string(action.join("action.yml")).expect("an action");
        let document = &Yaml::load_from_str(&text).expect("YAML")[0];
        assert_eq!(document["runs"]["using"].as_str(), Some("composite"));
        let mut inputs: BTreeMap<String, String> = BTreeMap::new();
        for (name, about) in pairs(&document["inputs"]) {
            inputs.insert(name, about["default"].as_str().unwrap_or_default().to_owned());
        }
        for (name, value) in &self.inputs {
            assert!(inputs.contains_key(name), "the action knows no input {name}");
            inputs.insert(name.clone(), value.clone());
        }
        let mut done = Done {
            steps: Vec::new(),
            said: String::new(),
            summary: String::new(),
            calls: String::new(),
            posted: String::new(),
        };
        let mut failed = false;
        for step in list(&document["runs"]["steps"]) {
            let condition = step.as_mapping_get("if").and_then(|condition| condition.as_str()).unwrap_or("success()");
            if !holds(condition, &inputs, failed) {
                continue;
            }
            let outputs = fs::read_to_string(gh.join("output")).unwrap_or_default();
            let script = gh.join("script.sh");
            fs::write(&script, step["run"].as_str().expect("a script")).expect("written");
            let mut command = Command::new("bash");
            // As the runner calls `shell: bash`.
            command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script).current_dir(self.folder());
            assert_eq!(step["shell"].as_str(), Some("bash"));
            let path = format!("{}:{}", gh.display(), std::env::var("PATH").unwrap_or_default());
            command.env("PATH", path).env("GH_FOLDER", &gh).env("WORKBENCH_DIR", self.folder());
            command.env("GITHUB_ACTION_PATH", &action).env("GITHUB_REPOSITORY", "shop/cart");
            command.env("GITHUB_OUTPUT", gh.join("output")).env("GITHUB_STEP_SUMMARY", gh.join("summary"));
            for (name, value) in step.as_mapping_get("env").map(pairs).unwrap_or_default() {
                command.env(name, expanded(value.as_str().expect("text"), &inputs, &outputs));
            }
            let ran = crate::program::finish(
                command
                    .stdout(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::piped())
                    .spawn()
                    .expect("bash"),
            );
            let Ran { code, stdout, stderr } = ran;
            failed |= code != Some(0);
            done.said += &(stdout + &stderr);
            done.steps.push((step["name"].as_str().expect("a name").to_owned(), code));
        }
        let read = |name: &str| fs::read_to_string(gh.join(name)).unwrap_or_default();
        (done.summary, done.calls, done.posted) = (read("summary"), read("calls"), read("posted"));
        done
    }
}

fn list<'a>(yaml: &'a Yaml<'a>) -> &'a [Yaml<'a>] {
    match yaml {
        Yaml::Sequence(all) => all,
        other => panic!("no list: {other:?}"),
    }
}

fn pairs<'a>(yaml: &'a Yaml<'a>) -> Vec<(String, &'a Yaml<'a>)> {
    match yaml {
        Yaml::Mapping(all) => {
            all.iter().map(|(name, value)| (name.as_str().expect("text").to_owned(), value)).collect()
        }
        other => panic!("no mapping: {other:?}"),
    }
}

fn map(yaml: &Yaml<'_>) -> BTreeMap<String, String> {
    pairs(yaml).into_iter().map(|(name, value)| (name, value.as_str().expect("text").to_owned())).collect()
}

/// The conditions that the action has; another is a reason to teach this runner.
fn holds(condition: &str, inputs: &BTreeMap<String, String>, failed: bool) -> bool {
    match condition {
        "success()" => !failed,
        "inputs.install != ''" => !failed && !inputs["install"].is_empty(),
        "always() && inputs.comment == 'true' && github.event_name == 'pull_request'" => inputs["comment"] == "true",
        other => panic!("a condition that is not known here: {other}"),
    }
}

/// A text with its expressions replaced.
fn expanded(text: &str, inputs: &BTreeMap<String, String>, outputs: &str) -> String {
    let Some((before, rest)) = text.split_once("${{") else { return text.to_owned() };
    let (expression, after) = rest.split_once("}}").expect("an end");
    let value = match expression.trim() {
        "github.event.pull_request.number" => "7".to_owned(),
        "steps.gate.outputs.exit" => {
            outputs.lines().find_map(|line| line.strip_prefix("exit=")).unwrap_or_default().to_owned()
        }
        other => match other.strip_prefix("inputs.") {
            Some(name) => inputs.get(name).unwrap_or_else(|| panic!("no input {name}")).clone(),
            None => panic!("an expression that is not known here: {other}"),
        },
    };
    format!("{before}{value}{}", expanded(after, inputs, outputs))
}

const COMMENTS: &str = "repos/shop/cart/issues/7/comments";

#[test]
fn the_action_gates_comments_and_ends_with_the_verdict() {
    let mut job = Job::new();
    let done = job.run();
    let all = ["Install workbench", "Gate", "Comment", "Verdict"].map(|name| (name.to_owned(), Some(0)));
    assert_eq!(done.steps, all, "{}", done.said);
    assert!(done.said.contains("installed here"), "{}", done.said);
    assert!(done.summary.contains("slow"), "{}", done.summary);
    // The first comment is a new one.
    let calls: Vec<&str> = done.calls.lines().collect();
    assert_eq!(calls.len(), 2, "{}", done.calls);
    assert!(calls[0].starts_with(&format!("api --paginate {COMMENTS} --jq ")), "{}", calls[0]);
    assert_eq!(calls[1], format!("api --silent -X POST {COMMENTS} -F body=@.workbench/ci/comment.md"));
    let marker = "<!-- workbench:slow -->";
    assert!(done.posted.starts_with(marker) && calls[0].contains(marker), "{}", done.posted);
    assert!(job.folder().join(".workbench/ci/junit.xml").exists());

    // The next one changes it, and a broken limit ends the job with 10: after the comment.
    fs::write(job.gh().join("comments"), "4711\n4712\n").expect("written");
    job.inputs.insert("limits".to_owned(), "errors>=1\n".to_owned());
    let done = job.run();
    let last: Vec<_> = done.steps.iter().map(|(name, code)| (name.as_str(), *code)).collect();
    assert_eq!(last[1..], [("Gate", Some(0)), ("Comment", Some(0)), ("Verdict", Some(10))], "{}", done.said);
    let patch = "api --silent -X PATCH repos/shop/cart/issues/comments/4711 -F body=@.workbench/ci/comment.md";
    assert_eq!(done.calls.lines().last(), Some(patch));
    assert!(done.said.contains("::error "), "{}", done.said);
    assert!(done.posted.contains("errors"), "{}", done.posted);

    // A token that only reads costs the comment, not the verdict.
    fs::write(job.gh().join("refuses"), "").expect("written");
    let done = job.run();
    assert_eq!(done.steps.last(), Some(&("Verdict".to_owned(), Some(10))), "{}", done.said);
    assert!(done.said.contains("::warning title=workbench::The comment could not be written"), "{}", done.said);
}

#[test]
fn a_gate_that_ended_before_a_result_is_said_to_have_none() {
    let mut job = Job::new();
    job.inputs.insert("limits".to_owned(), "cpu_per_opp<+3%\n".to_owned());
    let done = job.run();
    assert_eq!(done.steps.last(), Some(&("Verdict".to_owned(), Some(2))), "{}", done.said);
    assert!(done.said.contains("did you mean `cpu_per_op`?"), "{}", done.said);
    assert!(done.said.contains("::warning title=workbench::There is no result to comment on"), "{}", done.said);
    assert_eq!((done.calls.as_str(), done.posted.as_str()), ("", ""));
}
