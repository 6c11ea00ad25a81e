//! jemalloc's options in processes of their own: they are read before `main`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::hint::black_box;
use std::process::{Command, Output};

use probe::jemalloc::{Complaint, ComplaintKind, Conf, ENV, effective, hidden_sources, parse_complaints, stats};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

fn child(conf: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "in_child_options_are_printed", "--ignored", "--nocapture", "--test-threads=1"])
        .env_remove(probe::allocator::ENV)
        .env_remove(ENV);
    if let Some(conf) = conf {
        command.env(ENV, conf);
    }
    command.output().unwrap()
}

/// `name=value` lines between markers, because the test harness prints, too.
fn options(output: &Output) -> Vec<(String, String)> {
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    let (_, rest) = said.split_once("options begin\n").unwrap_or_else(|| panic!("{said}"));
    let (lines, _) = rest.split_once("options end\n").unwrap();
    lines.lines().map(|line| line.split_once('=').unwrap()).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

#[test]
#[ignore = "runs in a child of its own"]
fn in_child_options_are_printed() {
    println!("options begin");
    for (name, value) in effective().unwrap() {
        println!("{name}={value}");
    }
    println!("options end");
}

#[test]
fn every_option_is_read_back_as_asked() {
    let confs = [
        Conf {
            narenas: Some(3),
            dirty_decay_ms: Some(1234),
            muzzy_decay_ms: Some(-1),
            background_thread: Some(true),
            tcache: Some(false),
        },
        Conf {
            narenas: Some(1),
            dirty_decay_ms: Some(-1),
            muzzy_decay_ms: Some(0),
            background_thread: Some(false),
            tcache: Some(true),
        },
        Conf { dirty_decay_ms: Some(0), ..Conf::default() },
    ];
    for conf in confs {
        let output = child(conf.value().as_deref());
        let read = options(&output);
        assert!(read.len() >= 30, "{read:?}");
        for (name, asked) in conf.options() {
            assert!(read.contains(&(name.to_owned(), asked.clone())), "{name} = {asked}: {read:?}");
        }
        assert_eq!(parse_complaints(&String::from_utf8(output.stderr).unwrap()), []);
    }
}

#[test]
fn rejected_options_are_complained_about_and_not_in_force() {
    let defaults = options(&child(None));
    let output = child(Some("narenas:many,dirty_decay_ms:-7,colour:red:ish"));
    let complaint = |kind, key: &str, value: &str| Complaint { kind, key: key.into(), value: value.into() };
    assert_eq!(
        parse_complaints(&String::from_utf8(output.stderr.clone()).unwrap()),
        [
            complaint(ComplaintKind::InvalidValue, "narenas", "many"),
            complaint(ComplaintKind::OutOfRange, "dirty_decay_ms", "-7"),
            complaint(ComplaintKind::UnknownOption, "colour", "red:ish"),
        ]
    );
    assert_eq!(options(&output), defaults);
}

#[test]
fn statistics_follow_a_large_block() {
    const BYTES: u64 = 48 << 20;
    let before = stats().unwrap();
    let block = black_box(vec![1_u8; BYTES as usize]);
    let after = stats().unwrap();
    // Other tests of this binary hold far less than half of it.
    assert!(after.allocated > before.allocated + BYTES / 2, "{before:?} {after:?}");
    assert!(after.resident > before.resident + BYTES / 2, "{before:?} {after:?}");
    assert!(after.allocated <= after.active && after.active <= after.mapped && after.metadata > 0, "{after:?}");
    drop(block);
}

#[test]
fn no_options_are_hidden_in_this_program() {
    assert_eq!(hidden_sources(), Vec::<String>::new());
}
