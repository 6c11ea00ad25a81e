//! Records what built this binary: `--version`, `doctor` and every run directory state it.

use std::process::Command;

fn main() {
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|s| !s.is_empty());
    let date = git(&["show", "-s", "--format=%cs", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let rustc = run(&std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()), &["--version"])
        .unwrap_or_else(|| "unknown".to_owned());
    let rustflags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();

    let mut flags = Vec::new();
    if rustflags.contains("tokio_unstable") {
        flags.push("tokio_unstable");
    }
    if rustflags.contains("force-frame-pointers=yes") {
        flags.push("frame-pointers");
    }
    if rustflags.contains("symbol-mangling-version=v0") {
        flags.push("v0-mangling");
    }
    if std::env::var("DEBUG").is_ok_and(|d| d != "false" && d != "0" && d != "none") {
        flags.push("line-tables");
    }
    // Only then does tokio have instrumentation to compile in.
    if std::env::var_os("CARGO_FEATURE_CONSOLE").is_some() && rustflags.contains("tokio_unstable") {
        flags.push("tokio-tracing");
    }
    if std::env::var_os("CARGO_FEATURE_JEMALLOC_PROFILING").is_some() {
        flags.push("jemalloc-profiling");
    }
    println!("cargo:rustc-env=WORKBENCH_COMMIT={commit}{}", if dirty { "-dirty" } else { "" });
    println!("cargo:rustc-env=WORKBENCH_COMMIT_DATE={date}");
    println!("cargo:rustc-env=WORKBENCH_RUSTC={rustc}");
    println!("cargo:rustc-env=WORKBENCH_FLAGS={}", flags.join(","));
    println!("cargo:rustc-env=WORKBENCH_OPT_LEVEL={}", std::env::var("OPT_LEVEL").unwrap_or_default());
    println!("cargo:rustc-env=WORKBENCH_PROFILE={}", profile());

    println!("cargo:rerun-if-changed=build.rs");
    for path in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", path]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}

/// `PROFILE` only says `debug` or `release`; the output folder carries the real name.
fn profile() -> String {
    let name = std::env::var("PROFILE").unwrap_or_default();
    if name == "debug" { "dev".to_owned() } else { name }
}

fn git(arguments: &[&str]) -> Option<String> {
    run("git", arguments)
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
