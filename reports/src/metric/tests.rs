use super::*;

#[test]
fn names_are_unique_and_effects_sane() {
    for (position, metric) in METRICS.iter().enumerate() {
        assert!(!METRICS[..position].iter().any(|earlier| earlier.name == metric.name), "{} twice", metric.name);
        assert!(metric.minimum_effect > 0.0 && metric.minimum_effect < 1.0, "{}", metric.name);
        assert!(!metric.about.is_empty() && !metric.words.is_empty());
        assert!(!METRICS[..position].iter().any(|earlier| earlier.words == metric.words), "{} twice", metric.words);
        assert!(metric.quantile.is_none() || metric.latency, "{}", metric.name);
        assert!(!(metric.compared && metric.better == Better::Neither), "{} has no better direction", metric.name);
    }
}

#[test]
fn every_documented_name_is_known() {
    let mut names: Vec<String> = Vec::new();
    for family in ["latency", "service_time"] {
        names.extend(["p50", "p90", "p99", "p99_9", "max"].map(|q| format!("{family}.{q}")));
    }
    names.extend(["mean", "max", "end"].map(|n| format!("rss.{n}")));
    names.extend(["bytes", "count"].map(|n| format!("alloc.{n}_per_op")));
    names.extend(["minor", "major"].map(|n| format!("faults.{n}_per_op")));
    names.extend(["voluntary", "involuntary"].map(|n| format!("ctx_switches.{n}_per_op")));
    names.extend(
        [
            "throughput",
            "capacity",
            "cpu_per_op",
            "errors",
            "timeouts",
            "unanswered",
            "error_rate",
            "allocated.max",
            "syscalls.count_per_op",
            "polls.count_per_op",
            "tasks.spawned_per_op",
            "polls.long_per_kop",
            "polls.blocked_per_kop",
            "waits.long_per_kop",
            "schedule_delay.p99",
            "runqueue.delay",
            "driver.lag.p50",
            "driver.lag.p99",
            "driver.cpu",
        ]
        .map(str::to_owned),
    );
    for name in names {
        assert_eq!(lookup(&name).map(|metric| metric.name), Some(name.as_str()), "{name}");
    }
}

#[test]
fn operations_qualify_latencies_only() {
    assert_eq!(lookup("latency.p99[login]").map(|m| m.name), Some("latency.p99"));
    assert_eq!(split("latency.p99[a[b]]"), ("latency.p99", Some("a[b]")));
    assert!(lookup("capacity[login]").is_none());
    assert!(lookup("latency.p99[]").is_none());
    assert!(lookup("latency.p98").is_none());
    assert!(lookup("").is_none());
}

#[test]
fn names_in_words() {
    assert_eq!(words("latency.p99"), "p99 latency");
    assert_eq!(words("latency.p99[login]"), "p99 latency of login");
    assert_eq!(words("no.such"), "no.such");
}

#[test]
fn nearest_names() {
    assert_eq!(nearest("latency.p999"), Some("latency.p99_9"));
    assert_eq!(nearest("latencyp99[login]"), Some("latency.p99"));
    assert_eq!(nearest("cpu_per_ops"), Some("cpu_per_op"));
    assert_eq!(nearest("rss_max"), Some("rss.max"));
    assert_eq!(nearest("Capacity"), Some("capacity"));
    assert_eq!(nearest("zzz"), None);
}

#[test]
fn operations_behind_a_quantile() {
    let p99 = lookup("latency.p99").unwrap();
    assert_eq!(p99.operations_needed(), 2_000);
    assert!(p99.enough(2_000) && p99.enough(1_999) && !p99.enough(1_900));
    assert_eq!(lookup("latency.p99_9").unwrap().operations_needed(), 20_000);
    let p50 = lookup("latency.p50").unwrap();
    assert!(p50.enough(1) && p50.operations_needed() == 0);
}

#[test]
fn values_for_people() {
    let cases = [
        (0.001_234_5, "s", "1.23 ms"),
        (0.999_9, "s", "1 s"),
        (0.000_999_9, "s", "1 ms"),
        (12.0, "s", "12 s"),
        (250e-9, "s", "250 ns"),
        (0.0, "s", "0 s"),
        (41.2e-6, "s/op", "41.2 µs/op"),
        (4.5 * 1_048_576.0, "B", "4.5 MiB"),
        (1023.9, "B", "1 KiB"),
        (512.0, "B/op", "512 B/op"),
        (12_345.0, "ops/s", "12.3k ops/s"),
        (8_912.0, "ops/s", "8.91k ops/s"),
        (987.0, "ops/s", "987 ops/s"),
        (2_000.0, "ops", "2000 ops"),
        (0.0123, "1", "0.0123"),
        (3.0, "1/op", "3/op"),
        (0.5, "1/kop", "0.5/kop"),
        (7.0, "furlong", "7 furlong"),
        (f64::NAN, "s", "n/a"),
        (-0.002, "s", "-2 ms"),
    ];
    for (value, unit, text) in cases {
        assert_eq!(format_value(value, unit), text, "{value} {unit}");
    }
}
