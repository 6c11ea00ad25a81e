use std::time::Duration;

use super::super::{parse, to_toml};
use super::{RIGHT, with};
use crate::spec::{Arrivals, Slo};

#[test]
fn a_file_is_read() {
    insta::assert_debug_snapshot!(parse("shop.toml", RIGHT).unwrap());
}

#[test]
fn a_scenario_is_written() {
    let text = with("expect_status = 201", "expect_status = 201\nheaders = [\"X-Shop:  7 \"]\nexpect_body = 'id'");
    let text = text.replace("workload.login = \"pool\"", "env.RUST_LOG = \"info\"\nworkload.limit = \"04\"");
    insta::assert_snapshot!(to_toml(&parse("shop.toml", &text).unwrap()));
}

#[test]
fn spellings_become_canonical() {
    let text = with("rate = 1000", "rate = 1e3\ntimeout = \"1500 ms\"\noperations = 2_000\nconcurrency = 0x10");
    let text =
        text.replace("runtime.worker_threads = 2", "cpu = { affinity = \"3,1,0\" }\nruntime.worker_threads = 0b11");
    let scenario = parse("shop.toml", &text).unwrap();
    assert_eq!(scenario.load.timeout, Duration::from_millis(1500));
    assert_eq!((scenario.load.operations, scenario.load.concurrency), (2000, 16));
    assert_eq!(scenario.load.rate.to_bits(), 1000.0_f64.to_bits());
    assert_eq!(scenario.settings["cpu.affinity"], "0-1,3");
    assert_eq!(scenario.settings["runtime.worker_threads"], "3");
}

#[test]
fn closed_arrivals_need_no_rate() {
    let scenario = parse("shop.toml", &with("rate = 1000", "arrivals = \"closed\"")).unwrap();
    assert_eq!(scenario.load.arrivals, Arrivals::Closed);
    assert_eq!(parse("again.toml", &to_toml(&scenario)).unwrap(), scenario);
}

#[test]
fn without_variants_there_is_one() {
    let scenario = parse("shop.toml", RIGHT.split("[[variant]]").next().unwrap()).unwrap();
    let names: Vec<&str> = scenario.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(names, ["default"]);
}

#[test]
fn one_worker_thread_is_what_current_thread_has() {
    let text = with("workload.login = \"pool\"", "runtime.flavor = \"current_thread\"\nruntime.worker_threads = 1");
    parse("shop.toml", &text).unwrap();
}

#[test]
fn arrivals_of_every_shape_are_read() {
    let load = |text: &str| parse("shop.toml", &with("rate = 1000", text)).unwrap().load;
    let staged = load("stages = [{ rate = 200, for = \"5s\" }, { from = 200, to = 800, for = \"10s\" }]");
    assert_eq!((staged.operations, staged.rate.to_bits()), (6000, 400.0_f64.to_bits()));
    let ramp = load("ramp = { from = 0, to = 100, for = \"2s\" }\nburst = { size = 50, every = \"700ms\" }");
    assert_eq!((ramp.operations, ramp.stages.len()), (100 + 3 * 50, 1));
    let bursts = load("rate = 1000\nburst = { size = 5, every = \"1s\" }");
    assert_eq!((bursts.operations, bursts.stages.len()), (2000 + 2 * 5, 1));
    let trace = load("trace = \"arrivals.csv\"\nscale = 1.5").trace.unwrap();
    assert_eq!((trace.file.as_str(), trace.scale.to_bits()), ("arrivals.csv", 1.5_f64.to_bits()));
}

#[test]
fn an_objective_is_read_and_written() {
    let slo = |text: &str| parse("shop.toml", &with("[knobs]", &format!("[slo]\n{text}\n[knobs]"))).unwrap();
    let whole = slo("objective = 0.9995\nlatency = \"350ms\"\nwindow = \"4w\"");
    let expected =
        Slo { objective: 0.9995, latency: Some(Duration::from_millis(350)), window: Duration::from_secs(28 * 86_400) };
    assert_eq!(whole.slo, Some(expected));
    assert!(to_toml(&whole).contains("[slo]\nobjective = 0.9995\nlatency = \"350ms\"\nwindow = \"28d\"\n"));
    let least = slo("objective = 0.99").slo.unwrap();
    assert_eq!((least.latency, least.window), (None, Duration::from_secs(30 * 86_400)));
    assert_eq!(parse("shop.toml", RIGHT).unwrap().slo, None);
}
