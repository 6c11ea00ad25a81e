//! Scenarios whose subject is a program that is not ours.

use super::super::{parse, to_toml};
use crate::spec::{Ready, Scheme};

const RIGHT: &str = r#"name = "mine"
version = 1
summary = ""

[subject]
command = ["./my-service", "--port", "8080"]
target = "http://127.0.0.1:8080"

[load]
rate = 500

[[mix]]
operation = "orders"
weight = 1
path = "/orders"

[[variant]]
name = "old"

[[variant]]
name = "new"
command = ["./new-service", "--port", "8080"]
args = ["--threads", "4"]
[variant.set]
env.FIX = "1"
go.gogc = "off"
runtime.worker_threads = 2
"#;

fn with(from: &str, to: &str) -> String {
    assert!(RIGHT.contains(from), "{from}");
    RIGHT.replacen(from, to, 1)
}

fn messages(cases: &[(&str, &str)]) -> String {
    let message = |(from, to): &(&str, &str)| parse("mine.toml", &with(from, to)).expect_err("it is wrong").to_string();
    cases.iter().map(message).collect::<Vec<_>>().join("\n\n=====\n\n")
}

#[test]
fn a_program_and_its_variants_are_read() {
    let scenario = parse("mine.toml", RIGHT).unwrap();
    let program = scenario.subject.as_ref().unwrap();
    assert_eq!(program.command, ["./my-service", "--port", "8080"]);
    assert_eq!((program.target.scheme, program.target.port, &program.ready), (Scheme::Http, Some(8080), &Ready::Port));
    let [old, new] = &scenario.variants[..] else { panic!("{:?}", scenario.variants) };
    assert_eq!((&old.command, old.args.len()), (&None, 0));
    assert_eq!(new.command.as_deref().unwrap()[0], "./new-service");
    assert_eq!(new.args, ["--threads", "4"]);
    assert_eq!((new.settings["env.FIX"].as_str(), new.settings["go.gogc"].as_str()), ("1", "off"));
    assert_eq!(parse("again.toml", &to_toml(&scenario)).unwrap(), scenario);
}

#[test]
fn a_target_with_a_path_is_a_mix_of_one() {
    let text = with("8080\"\n\n[load]", "8080/a?b=${random:7}\"\n\n[load]");
    let text = text.replace("[[mix]]\noperation = \"orders\"\nweight = 1\npath = \"/orders\"\n", "");
    let scenario = parse("mine.toml", &text).unwrap();
    assert_eq!(scenario.mix[0].request.as_ref().unwrap().path, "/a?b=${random:7}");
    assert_eq!(scenario.subject.unwrap().target.to_string(), "http://127.0.0.1:8080");
}

#[test]
fn a_free_port_reaches_every_variant_by_command_or_variable() {
    let free = RIGHT.replace("8080", "${port}");
    assert_eq!(parse("mine.toml", &free).unwrap().subject.unwrap().target.port, None);
    let by_variable = RIGHT
        .replace("127.0.0.1:8080\"", "127.0.0.1:${port}\"\nenv = { PORT = \"${port}\" }")
        .replace("--port\", \"8080", "--verbose");
    parse("mine.toml", &by_variable).unwrap();
}

#[test]
fn what_is_wrong_with_a_program_is_pointed_at() {
    insta::assert_snapshot!(messages(&[
        ("[subject]", "workload = \"shop\"\n[subject]"),
        ("command = [\"./my-service\", \"--port\", \"8080\"]\n", ""),
        ("command = [\"./my-service\", \"--port\", \"8080\"]", "command = \"./my-service --port 8080\""),
        ("command = [\"./my-service\", \"--port\", \"8080\"]", "command = []"),
        ("[\"./my-service\", \"--port\", \"8080\"]", "[\"./my-service\", 8080]"),
        ("target = ", "tarket = "),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/orders"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:${port}"),
        ("\"--port\", \"8080\"]\nargs", "\"--port\", \"${port}\"]\nargs"),
        ("[load]", "ready = \"http\"\n[load]"),
        ("[load]", "start_timeout = 30\n[load]"),
        ("[load]", "start_timeout = \"0s\"\n[load]"),
        ("[load]", "env = { GOGC = 50 }\n[load]"),
        ("[load]", "env = { A = [1] }\n[load]"),
        ("[[variant]]", "[workload_parameters]\na = 1\n[[variant]]"),
        ("[[variant]]", "[knobs]\nruntime.flavor = \"current_thread\"\n[[variant]]"),
        ("runtime.worker_threads = 2", "allocator.kind = \"system\""),
        ("go.gogc = \"off\"", "go.gogc = \"of\""),
        ("path = \"/orders\"\n", ""),
    ]));
}

#[test]
fn a_workload_of_ours_has_no_program_and_no_go() {
    let ours = super::with("name = \"broken\"", "name = \"broken\"\nargs = [\"a\"]");
    insta::assert_snapshot!(parse("shop.toml", &ours).unwrap_err().to_string());
    let ours = super::with("runtime.worker_threads = 2", "go.gogc = 50");
    insta::assert_snapshot!(parse("shop.toml", &ours).unwrap_err().to_string());
}
