//! A service in Go, with one fault at most: what is asked of its goroutines, and what perf sees of its threads.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

use crate::attach::{Running, attached};
use crate::client::Clients;
use crate::marker;
use crate::subject::{is_unable, skipped, target, workbench};

/// The service; `None` without Go, which is said aloud.
fn shop() -> Option<&'static PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    said(BUILT.get_or_init(|| built("go", ".", "shop")))
}

/// The strangers in Go in a folder of theirs, `of`; `None` without Go, which is said aloud.
pub(crate) fn strangers(of: &'static str) -> Option<&'static PathBuf> {
    type Built = BTreeMap<&'static str, &'static Option<PathBuf>>;
    static BUILT: Mutex<Built> = Mutex::new(Built::new());
    let mut all = BUILT.lock().expect("nobody panics here");
    let build = || &*Box::leak(Box::new(built("go_strangers", &format!("./{of}"), &format!("strangers{of}"))));
    said(all.entry(of).or_insert_with(build))
}

fn said(built: &'static Option<PathBuf>) -> Option<&'static PathBuf> {
    if built.is_none() {
        skipped("no Go here to build the services with");
    }
    built.as_ref()
}

/// Builds a package of the module of a folder beside the tests.
fn built(folder: &str, package: &str, name: &str) -> Option<PathBuf> {
    let program = target().join("go").join(name);
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(package)
        .current_dir(marker::folder(folder))
        .env("GOFLAGS", "-mod=mod")
        .status();
    match built {
        Ok(built) if built.success() => Some(program),
        Ok(_) => panic!("`{name}` does not build"),
        Err(_) => None,
    }
}

/// The first finding of `attach` to a variant that runs already.
fn first_attached(variant: &str) -> Option<Value> {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let running = Command::new(shop()?).args([variant, &port.to_string()]).spawn().expect("the service starts");
    let running = Running(running);
    let document = attached(&running.0, Clients::start(port, 100, 16), &[], variant);
    Some(document["findings"][0].clone())
}

/// First findings of runs over a variant: slug, function and the functions around it.
fn first(variant: &str) -> Option<Value> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(workbench())
        .args(["run", "--target", "http://127.0.0.1:${port}/", "--json", "--trials", "1", "--duration", "5s"])
        .args(["--evidence", "cpu,wait", "--rate", "60", "--concurrency", "16", "--"])
        .arg(shop()?)
        .args([variant, "${port}"])
        .current_dir(folder.path())
        .env("WORKBENCH_DIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("workbench runs");
    assert!(output.status.success(), "{variant}: {}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document of JSON");
    eprintln!("{variant}: {}", crate::verdict::shown(&document));
    Some(document["findings"][0].clone())
}

fn names(rule: &str, function: &str, variant: &str) {
    if is_unable() || shop().is_none() {
        return;
    }
    let right = |found: &Value| found["rule"] == rule && found["culprit"]["function"] == function;
    let found = (0..3).filter_map(|_| first(variant)).find(right);
    let path = found.unwrap_or_else(|| panic!("`{variant}` was not blamed on {function}"))["path"].clone();
    let around = path.as_array().is_some_and(|path| path.iter().any(|one| one["function"] == "main.handler.func1"));
    assert!(around, "{path}");
}

#[test]
#[ignore = "runs a program under load for a minute"]
fn work_of_some_operations_is_named() {
    names("long-poll-cpu", "main.seal", "hog");
}

#[test]
#[ignore = "runs a program under load for a minute"]
fn who_sleeps_with_a_lock_is_named() {
    names("waiting-on-owner", "main.audit", "lock");
}

#[test]
#[ignore = "runs a program under load for a minute"]
fn who_starts_goroutines_that_do_not_end_is_named() {
    if is_unable() || shop().is_none() {
        return;
    }
    let right = |found: &Value| found["rule"] == "task-growth" && found["culprit"]["function"] == "main.watch";
    assert!((0..3).filter_map(|_| first("leak")).any(|found| right(&found)), "by `run`");
    assert!((0..3).filter_map(|_| first_attached("leak")).any(|found| right(&found)), "by `attach`");
}

#[test]
#[ignore = "attaches to a program under load for half a minute"]
fn who_sleeps_with_a_lock_is_named_by_attach() {
    if is_unable() || shop().is_none() {
        return;
    }
    let right = |found: &Value| found["rule"] == "waiting-on-owner" && found["culprit"]["function"] == "main.audit";
    assert!((0..3).filter_map(|_| first_attached("lock")).any(|found| right(&found)));
    assert_eq!(first_attached("healthy"), Some(Value::Null));
}

#[test]
#[ignore = "runs a program under load for a minute"]
fn a_healthy_service_is_blamed_for_nothing() {
    if is_unable() || shop().is_none() {
        return;
    }
    assert_eq!(first("healthy"), Some(Value::Null));
}
