//! `replay_gate` as a person types it: exit codes, what it says of wrong flags and files, files of another shape.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The example, built once: `cargo test --test` leaves examples alone.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let cargo = option_env!("CARGO").unwrap_or("cargo");
        let built =
            Command::new(cargo).args(["build", "--quiet", "-p", "reports", "--example", "replay_gate"]).status();
        assert!(built.expect("cargo").success());
        // target/debug/deps/this
        let this = std::env::current_exe().expect("this test");
        this.ancestors().nth(2).expect("the folder of the profile").join("examples/replay_gate")
    })
}

/// Exit code, standard output, standard error.
fn ran(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(program()).args(arguments).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Blocks of these labels, in which every value is its label's times a little noise.
fn table(blocks: u32, head: &str, labels: &[(&str, f64)]) -> String {
    let mut text = format!("{head}\n");
    for block in 0..blocks {
        for (position, (label, value)) in labels.iter().enumerate() {
            let noise = 1.0 + f64::from((block * 7 + u32::try_from(position).expect("few") * 5) % 11) / 500.0;
            text += &format!("{block},{label},{:.6}\n", value * noise);
        }
    }
    text
}

const FEW: &[&str] = &["--pairs", "8", "--swaps", "40", "--resamples", "10", "--gate-only"];

#[test]
fn wrong_flags_are_named_with_the_usage() {
    let mut told = String::new();
    for arguments in [
        &[][..],
        &["a.csv", "b.csv"],
        &["a.csv", "--pears", "8"],
        &["a.csv", "--pairs"],
        &["a.csv", "--pairs", "eight"],
        &["a.csv", "--swaps", "0"],
        &["a.csv", "--margin", "wide"],
        &["a.csv", "--alpha", "2"],
        &["none.csv"],
    ] {
        let (code, out, said) = ran(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        told += &format!("$ replay_gate {}\n{}\n", arguments.join(" "), said.lines().next().unwrap_or_default());
        assert_eq!(said.contains("usage: replay_gate"), arguments != ["none.csv"], "{said}");
    }
    insta::assert_snapshot!(told);
    let (code, out, _) = ran(&["--help"]);
    assert!(code == Some(0) && out.starts_with("usage: replay_gate FILE.csv[.gz]"));
}

#[test]
fn files_of_another_shape_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    // No set, no chunk, no position, no time; other names; not compressed.
    let plain = file("plain.csv");
    let text = table(12, "block,arm,cpu_per_op", &[("main-1", 2.0), ("main-2", 2.0), ("slow", 2.4)]);
    std::fs::write(&plain, &text).expect("written");
    let (code, out, said) = ran(&[&[plain.as_str()], FEW].concat());
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(out.contains("36 trials, 12 blocks; cpu_per_op (less is better); identical: main-1, main-2"), "{out}");
    // The same, compressed, as one document.
    let packed = file("packed.csv.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("packed");
    std::fs::write(&packed, encoder.finish().expect("packed")).expect("written");
    let (code, out, _) = ran(&[&[packed.as_str(), "--json"], FEW].concat());
    let json: serde_json::Value = serde_json::from_str(&out).expect("one document");
    assert_eq!(code, Some(0));
    assert_eq!(json["layout"]["base"], serde_json::json!(["main-1", "main-2"]));
    assert_eq!(json["found"][0]["cells"][0]["regressed"], 10, "{json}");
    // Labels that tell nothing: all are named, and one of them may be asked for.
    let odd = file("odd.csv");
    std::fs::write(&odd, table(12, "block,label,cpu_us", &[("red", 2.0), ("green", 2.4)])).expect("written");
    let (code, out, said) = ran(&[&[odd.as_str()], FEW].concat());
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(said.contains("say which programs are identical with --base; the labels are green, red"), "{said}");
    let (code, _, said) = ran(&[&[odd.as_str(), "--base", "blue"], FEW].concat());
    assert!(
        code == Some(2) && said.contains("no trial is labelled `blue` (--base); the labels are green, red"),
        "{said}"
    );
    let (code, out, _) = ran(&[&[odd.as_str(), "--base=red"], FEW].concat());
    assert!(code == Some(0) && out.contains("identical: red"), "{out}");
    // Columns that are not there, and too few blocks.
    let none = file("none.csv");
    for (text, told) in [
        ("label,cpu_us\nA,1\n".to_owned(), "no column `block`"),
        (table(3, "block,label,cpu_us", &[("A", 1.0), ("B", 1.0)]), "3 blocks hold two labels"),
    ] {
        std::fs::write(&none, text).expect("written");
        let (code, out, said) = ran(&[&[none.as_str()], FEW].concat());
        assert!(code == Some(2) && out.is_empty() && said.contains(told), "{said}");
    }
}
