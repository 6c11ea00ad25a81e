//! Programs in C and Go, sampled from outside by the code that samples ours, against what they know of their own CPU time.
//! The C program is built by `cc`, which building this crate's users needs anyway; without `go`, or where the machine refuses
//! perf events, a test says so and checks nothing.

#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test panics, and says what it skips")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use flamegraphs::capture::{CaptureError, Options, Recorder, Recording};
use flamegraphs::profile::{Profile, Sample};

/// Rounds of six milliseconds of CPU.
const ROUNDS: &str = "200\n";

/// What the program at `path` was seen doing, and CPU nanoseconds by function as it tells them; `None`, with a word on
/// standard error, where perf events are refused.
fn record(path: &Path) -> Option<(Recording, BTreeMap<String, f64>)> {
    let mut child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "ready"));
    let attached = Recorder::attach(child.id(), &Options::default()).and_then(|mut recorder| {
        recorder.start(&[child.id()])?;
        Ok(recorder)
    });
    let mut recorder = match attached {
        Ok(recorder) => recorder,
        Err(error) => {
            assert!(matches!(error, CaptureError::Refused { .. } | CaptureError::Buffers { .. }), "{error}");
            eprintln!("SKIPPED: {error}");
            drop(input);
            child.wait().unwrap();
            return None;
        }
    };
    input.write_all(ROUNDS.as_bytes()).unwrap();
    let told = lines.by_ref().take_while(|line| line != "end").map(|line| {
        let [_, function, took] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (function.to_owned(), took.parse().unwrap())
    });
    let truth = told.collect();
    recorder.look();
    let recording = recorder.stop().unwrap();
    // Names are found while it lives.
    drop((input, lines));
    child.wait().unwrap();
    Some((recording, truth))
}

/// Whether a function of the program, by the end of its name, is on the stack of a sample.
fn is_within(profile: &Profile, sample: &Sample, function: &str) -> bool {
    let mut lines = sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
    lines.any(|line| profile.function(line.function).name.trim_start_matches("main.") == function)
}

/// Shares by function, lines, coverage and roots of a program that was built from `source`.
fn check(program: &Path, source: &Path, text: &str) {
    let Some((recording, truth)) = record(program) else { return };
    let profile = recording.profile(&[]).unwrap();
    let whole: f64 = truth.values().sum();
    let count = |function: &str| -> f64 {
        let within = profile.samples().iter().filter(|sample| is_within(&profile, sample, function));
        within.map(|sample| sample.values[0] as f64).sum()
    };
    let all: f64 = truth.keys().map(|function| count(function)).sum();
    assert!(truth.len() == 3 && all > 300.0, "{all} samples of {truth:?}");
    // The three are what it does.
    assert!(all >= 0.9 * recording.samples() as f64, "{all} of {} samples", recording.samples());
    for (function, took) in &truth {
        let (share, sampled) = (took / whole, count(function) / all);
        let allowed = 3.0 * (share * (1.0 - share) / all).sqrt() + 2.0 / all;
        assert!((share - sampled).abs() <= allowed, "{function}: {sampled:.4} of {all} samples, {share:.4} of its CPU");
        let marked = text.lines().position(|line| line.contains(&format!("line of {function}"))).unwrap() + 1;
        let (mut at_line, mut innermost) = (0.0, 0.0);
        for sample in profile.samples() {
            let Some(leaf) = sample.stack.first().and_then(|id| profile.location(*id).lines.first()) else { continue };
            let known = profile.function(leaf.function);
            if known.name.trim_start_matches("main.") == function {
                assert!(known.file.ends_with(source.file_name().unwrap().to_str().unwrap()), "{known:?}");
                innermost += sample.values[0] as f64;
                // The loop itself is the line before.
                at_line += if leaf.line.abs_diff(marked as i64) <= 1 { sample.values[0] as f64 } else { 0.0 };
            }
        }
        assert!(at_line > 0.9 * innermost && innermost > 0.5 * count(function), "{function}: {at_line} of {innermost}");
    }
    let coverage = recording.coverage();
    assert!(coverage.ratio().is_some_and(|ratio| ratio >= 0.95 || !recording.kernel), "{coverage}");
    let rootless = recording.rootless as f64 / recording.samples() as f64;
    assert!(rootless <= 0.05, "{rootless} of the stacks have no root");
}

#[test]
fn a_c_program_is_sampled_by_function_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("burner.c"), folder.path().join("burner"));
    let text = include_str!("burner.c");
    std::fs::write(&source, text).unwrap();
    // Without frame pointers, as C is mostly built.
    let built = Command::new("cc").args(["-O1", "-g", "-fomit-frame-pointer", "-o"]).args([&program, &source]).status();
    assert!(built.unwrap().success());
    check(&program, &source, text);
}

#[test]
fn a_go_program_is_sampled_by_function_and_line() {
    let go = |arguments: &[&str], folder: &Path| {
        let mut go = Command::new("go");
        // Nothing of the developer's own, and nothing from elsewhere.
        go.args(arguments)
            .current_dir(folder)
            .env("GO111MODULE", "off")
            .env("GOTOOLCHAIN", "local")
            .env_remove("GOFLAGS");
        go.output().is_ok_and(|output| output.status.success())
    };
    let folder = tempfile::tempdir().unwrap();
    if !go(&["version"], folder.path()) {
        eprintln!("SKIPPED: there is no `go`");
        return;
    }
    let source = folder.path().join("burner.go");
    let text = include_str!("burner.go");
    std::fs::write(&source, text).unwrap();
    assert!(go(&["build", "-o", "burner", "burner.go"], folder.path()), "go build");
    check(&folder.path().join("burner"), &source, text);
}
