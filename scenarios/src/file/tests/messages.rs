//! Every message that a scenario file can give, as a person sees it.

use super::super::{parse, parse_for};
use super::{RIGHT, with};
use crate::catalog::WorkloadKind;

fn messages(cases: &[(&str, &str)]) -> String {
    let messages: Vec<String> = cases.iter().map(|(from, to)| message(&with(from, to))).collect();
    messages.join("\n\n=====\n\n")
}

fn message(text: &str) -> String {
    parse("shop.toml", text).expect_err("the file is wrong").to_string()
}

#[test]
fn not_toml() {
    insta::assert_snapshot!(messages(&[
        ("version = 1", "version = "),
        ("name = \"shop\"", "name = \"shop"),
        ("version = 1", "version = 1\nversion = 2"),
        ("[load]", "[load"),
    ]));
}

#[test]
fn unknown_and_missing_fields() {
    insta::assert_snapshot!(messages(&[
        ("summary = ", "sumary = "),
        ("rate = 1000", "duraton = \"3s\""),
        ("weight = 39", "wieght = 39"),
        ("name = \"shop\"\n", ""),
        ("[load]\nrate = 1000", "[trial]\nwarm_up = \"1s\""),
        ("name = \"broken\"", "nam = \"broken\""),
        ("expect_status = 201", "status = 201"),
        ("operation = \"health\"\n", ""),
    ]));
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(messages(&[
        ("rate = 1000", "rate = \"1000\""),
        ("rate = 1000", "rate = [1]"),
        ("version = 1", "version = \"1\""),
        ("version = 1", "version = 0"),
        ("name = \"shop\"", "name = 7"),
        ("background = true", "background = \"true\""),
        ("weight = 39", "weight = 1979-05-27"),
        ("[load]\nrate = 1000", "load = 5"),
        ("rate = 1000", "rate = 1000\noperations = 2.5"),
        ("rate = 1000", "rate = 1000\narrivals = 3"),
        ("runtime.worker_threads = 2", "runtime = 2"),
        ("runtime.worker_threads = 2", "runtime.worker_threads = \"2\""),
        ("runtime.worker_threads = 2", "runtime.lifo_slot = \"false\""),
        ("runtime.worker_threads = 2", "allocator.jemalloc.dirty_decay_ms = \"10s\""),
        ("runtime.worker_threads = 2", "cpu.affinity = 0"),
        ("runtime.worker_threads = 2", "allocator.kind = true"),
        ("workload.login = \"pool\"", "workload.login = [1]"),
    ]));
}

#[test]
fn one_table_for_many() {
    let one = "name = \"a\"\nversion = 1\nsummary = \"\"\nworkload = \"a\"\n[load]\nrate = 1\n";
    insta::assert_snapshot!(message(&format!("{one}[mix]\noperation = \"a\"\nweight = 1\n")));
    insta::assert_snapshot!(message(&format!("mix = []\nvariant = []\n{one}")));
    insta::assert_snapshot!(message(&format!("mix = [1]\n{one}")));
    insta::assert_snapshot!(message(one));
    insta::assert_snapshot!(message(&format!("variant = []\n{one}[[mix]]\noperation = \"a\"\nweight = 1\n")));
}

#[test]
fn durations() {
    insta::assert_snapshot!(messages(&[
        ("rate = 1000", "rate = 1000\ntimeout = 30"),
        ("rate = 1000", "rate = 1000\ntimeout = \"30\""),
        ("rate = 1000", "rate = 1000\ntimeout = \"soon\""),
        ("rate = 1000", "rate = 1000\ntimeout = \"2 days\""),
        ("rate = 1000", "rate = 1000\ntimeout = 1.5"),
    ]));
}

#[test]
fn out_of_range() {
    insta::assert_snapshot!(messages(&[
        ("rate = 1000", "rate = 0"),
        ("rate = 1000", "rate = -5"),
        ("rate = 1000", "rate = nan"),
        ("rate = 1000", "rate = 1000\nconcurrency = 0"),
        ("rate = 1000", "rate = 1000\noperations = 99999999999999999999999999"),
        ("rate = 1000", "rate = 1000\narrivals = \"poison\""),
        ("weight = 39", "weight = 0"),
        ("weight = 39", "weight = -1.5"),
        ("weight = 39", "weight = inf"),
        ("weight = 39", "weight = 1e10"),
        ("expect_status = 201", "expect_status = 99"),
        ("runtime.worker_threads = 2", "runtime.worker_threads = 0"),
        ("runtime.worker_threads = 2", "runtime.worker_threads = 5000"),
        ("runtime.worker_threads = 2", "runtime.thread_keep_alive = \"2h\""),
        ("runtime.worker_threads = 2", "allocator.kind = \"jemaloc\""),
        ("runtime.worker_threads = 2", "cpu.affinity = \"1-0\""),
    ]));
}

#[test]
fn names() {
    insta::assert_snapshot!(messages(&[
        ("name = \"shop\"", "name = \"My Shop\""),
        ("name = \"shop\"", "name = \"\""),
        ("operation = \"orders\"", "operation = \"place order\""),
        ("operation = \"orders\"", "operation = \"health\""),
        ("name = \"broken\"", "name = \"fixed\""),
        ("name = \"broken\"", "name = \" broken\""),
        ("summary = \"A shop.\"", "summary = \"two\\nlines\""),
    ]));
}

#[test]
fn knobs() {
    insta::assert_snapshot!(messages(&[
        ("runtime.worker_threads = 2", "runtime.worker_thread = 2"),
        ("runtime.worker_threads = 2", "worker_threads = 2"),
        ("runtime.worker_threads = 2", "gc.percent = 2"),
        ("runtime.worker_threads = 2", "allocator = \"jemalloc\""),
        ("runtime.worker_threads = 2", "load.rate = 5"),
        ("runtime.worker_threads = 2", "workload.login = \"pool\""),
        ("runtime.worker_threads = 2", "env.MALLOC_CONF = \"narenas:1\""),
        ("runtime.worker_threads = 2", "env.A-B = \"1\""),
        ("runtime.worker_threads = 2", "env.A = \"\\u0000\""),
        ("runtime.worker_threads = 2", "runtime.worker_threads = 2\n\"runtime.worker_threads\" = 3"),
        ("workload.login = \"pool\"", "workload.logn = \"pool\""),
        ("workload.login = \"pool\"", "workload.users = 5"),
        ("workload.login = \"pool\"", "trial.blocks = 5"),
        ("login = \"inline\"", "Login = \"inline\""),
    ]));
    let without_parameters = with("[workload_parameters]\nlogin = \"inline\"\nlimit = 4\n", "");
    insta::assert_snapshot!(message(&without_parameters));
}

#[test]
fn knobs_without_effect() {
    insta::assert_snapshot!(messages(&[
        ("workload.login = \"pool\"", "allocator.kind = \"mimalloc\"\nallocator.jemalloc.narenas = 1"),
        ("workload.login = \"pool\"", "runtime.flavor = \"current_thread\""),
        (
            "workload.login = \"pool\"",
            "runtime.flavor = \"current_thread\"\nruntime.worker_threads = 1\nruntime.lifo_slot = false"
        ),
    ]));
    let alone = RIGHT.split("[[variant]]").next().unwrap();
    let alone =
        alone.replace("runtime.worker_threads = 2", "allocator = { kind = \"system\", jemalloc.tcache = false }");
    insta::assert_snapshot!(message(&alone));
}

#[test]
fn requests() {
    insta::assert_snapshot!(messages(&[
        ("path = \"/orders\"", "path = \"orders\""),
        ("path = \"/orders\"", "path = \"/a b\""),
        ("path = \"/orders\"\n", ""),
        ("method = \"POST\"\n", ""),
        ("method = \"POST\"", "method = \"post\""),
        ("method = \"POST\"", "method = \"BREW\""),
        ("method = \"POST\"", "method = \"GET\""),
        ("method = \"POST\"", "method = \"POST\"\nheaders = \"accept: text/html\""),
        ("method = \"POST\"", "method = \"POST\"\nheaders = [\"accept: text/html\", \"accept\", 3, \"a b: c\"]"),
        ("method = \"POST\"", "method = \"POST\"\nheaders = [\"Content-Length: 5\"]"),
        ("path = \"/health\"", "path = \"/health\"\nmethod = \"HEAD\"\nexpect_body = \"ok\""),
        ("${sequence}", "${sequenze}"),
        ("${sequence}", "${random:0}"),
        ("${sequence}", "${random}"),
        ("${sequence}", "${time}"),
        ("'{\"n\":${sequence}}'", "'${sequence'"),
    ]));
}

#[test]
fn nothing_to_measure() {
    insta::assert_snapshot!(messages(&[
        ("[load]\nrate = 1000", "[trial]\nsaturated = \"0s\"\n[load]\nrate = 1000\noperations = 0"),
        ("weight = 39", "weight = 39\nbackground = true"),
    ]));
}

#[test]
fn the_workload() {
    let known = [("shop", WorkloadKind::InProcess), ("warehouse", WorkloadKind::Networked)];
    let message = |text: &str, known: &[(&str, WorkloadKind)]| parse_for("shop.toml", text, known).unwrap_err();
    insta::assert_snapshot!(message(&with("workload = \"shop\"", "workload = \"ware-house\""), &known));
    insta::assert_snapshot!(message(&with("workload = \"shop\"", "workload = \"x\""), &known));
    insta::assert_snapshot!(message(RIGHT, &[]));
    insta::assert_snapshot!(message(RIGHT, &known));
}

#[test]
fn all_problems_are_reported_in_the_order_of_the_file() {
    let text = with("version = 1", "version = true")
        .replace("weight = 39", "weight = 0")
        .replace("rate = 1000", "rate = \"fast\"")
        .replace("worker_threads", "worker_thread")
        .replace("name = \"broken\"", "name = \"fixed\"");
    insta::assert_snapshot!(message(&text));
}

#[test]
fn control_characters_of_the_file_do_not_reach_the_terminal() {
    let text = with("[load]", "\"\\u001b[31m\\u202e\" = 1\n[load]");
    let message = super::super::parse("a\u{1b}[2J.toml", &text).unwrap_err().to_string();
    assert!(!message.contains(['\u{1b}', '\u{202e}']), "{message:?}");
    insta::assert_snapshot!(message);
}

#[test]
fn a_long_list_of_problems_is_cut() {
    let keys: String = (0..30).map(|n| format!("key{n} = 1\n")).collect();
    let message = message(&format!("{keys}{RIGHT}"));
    assert_eq!(message.matches("unknown field").count(), 20);
    assert!(message.ends_with("error: 10 more problems in shop.toml"), "{message}");
}

#[test]
fn what_is_wrong_with_arrivals_is_pointed_at() {
    let rate = "rate = 1000";
    insta::assert_snapshot!(messages(&[
        (rate, "rate = 1000\nstages = [{ rate = 1, for = \"1s\" }]"),
        (rate, "stages = [{ rate = 1, from = 2, for = \"1s\" }]"),
        (rate, "stages = [{ rate = 1, for = 5 }, { rate = 1, fro = \"1s\" }]"),
        (rate, "stages = []"),
        (rate, "stages = [{ rate = 0, for = \"1s\" }]"),
        (rate, "ramp = { from = -1, to = 5, for = \"1s\" }"),
        (rate, "ramp = { from = 1, to = 5, for = \"1s\" }\ntrace = \"a.csv\""),
        (rate, "burst = { size = 5, every = \"1s\" }"),
        (rate, "rate = 9\nburst = { size = 0, every = \"1s\" }"),
        (rate, "trace = \"a.csv\"\nscale = 0"),
        (rate, "rate = 9\nscale = 2"),
        (rate, "arrivals = \"closed\"\nburst = { size = 5, every = \"1s\" }"),
        ("path = \"/health\"", "path = \"/health\"\nsend = \"PING\""),
        ("path = \"/health\"", "expect = \"PONG\""),
    ]));
}

#[test]
fn what_is_wrong_with_background_load_is_pointed_at() {
    let weight = "weight = 1\nbackground";
    insta::assert_snapshot!(messages(&[
        ("weight = 39", "rate = 39"),
        (weight, "rate = 5\nweight = 1\nbackground"),
        (weight, "rate = 0\nbackground"),
        (weight, "rate = \"5\"\nbackground"),
        ("weight = 39", "background = true\nrate = 39"),
    ]));
    let closed = with(weight, "rate = 5\nbackground").replace("rate = 1000", "arrivals = \"closed\"");
    insta::assert_snapshot!(message(&closed));
}

#[test]
fn what_is_wrong_with_an_objective_is_pointed_at() {
    let knobs = "[knobs]";
    let slo = |text: &str| format!("[slo]\n{text}\n[knobs]");
    let cases = [
        "objective = 99.95",
        "objective = 1",
        "latency = \"350ms\"",
        "objective = 0.999\nlatency = 350",
        "objective = 0.999\nlatency = \"350\"",
        "objective = 0.999\nlatency = \"0s\"",
        "objective = 0.999\nwindow = \"30days \\u001b\"",
        "objective = 0.999\nwindw = \"30d\"",
    ]
    .map(slo);
    insta::assert_snapshot!(messages(&cases.each_ref().map(|text| (knobs, text.as_str()))));
}
