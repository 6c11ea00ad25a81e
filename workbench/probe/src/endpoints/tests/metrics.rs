//! Metrics, as JSON and as Prometheus reads them.

use super::fixture;
#[cfg(all(tokio_unstable, target_pointer_width = "64"))]
use super::recorded;

#[cfg(all(tokio_unstable, target_pointer_width = "64"))]
#[test]
fn waits_for_a_worker_are_a_histogram_under_the_name_of_go() {
    let fixture = recorded();
    for _ in 0..20 {
        fixture.runtime.block_on(fixture.runtime.spawn(tokio::task::yield_now())).unwrap();
    }
    // Workers hand their counts in when they park.
    loop {
        let document: serde_json::Value = serde_json::from_slice(&fixture.get("/debug/metrics.json").body).unwrap();
        let metrics = document["metrics"].as_array().unwrap();
        let latencies = metrics.iter().find(|metric| metric["go"] == "/sched/latencies:seconds").unwrap();
        let (counts, buckets) = (&latencies["value"]["counts"], latencies["value"]["buckets"].as_array().unwrap());
        let counts: Vec<u64> = counts.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
        assert_eq!(buckets.len(), counts.len() + 1);
        assert_eq!((buckets[0].as_f64(), buckets[counts.len()].is_null()), (Some(0.0), true));
        assert!(buckets[..counts.len()].is_sorted_by(|a, b| a.as_f64() < b.as_f64()), "{buckets:?}");
        if counts.iter().sum::<u64>() == 40 {
            break;
        }
        std::thread::yield_now();
    }
    let metrics = fixture.get("/metrics");
    let families = exposition(metrics.text());
    let latencies = families.iter().find(|family| family.name == "workbench_tokio_schedule_latency_seconds");
    assert_eq!(latencies.map(|family| family.value), Some(40.0));
}

#[test]
fn metrics_for_programs_have_names_units_values_and_reasons() {
    let fixture = fixture();
    let json = fixture.get("/debug/metrics.json");
    assert_eq!((json.status, json.header("Content-Type")), (200, Some("application/json")));
    let document: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    let metrics = document["metrics"].as_array().unwrap();
    let of = |go: &str| metrics.iter().find(|metric| metric["go"] == go).unwrap_or_else(|| panic!("{go}"));
    assert_eq!(of("/sched/gomaxprocs:threads")["value"], 2);
    assert_eq!(of("/sched/goroutines:goroutines")["value"], 0);
    for metric in metrics {
        assert_eq!(metric["value"] == "n/a", metric.get("reason").is_some(), "{metric}");
        assert!(metric["name"].is_string() || metric["go"].is_string(), "{metric}");
    }
    assert_eq!(of("/gc/heap/goal:bytes")["value"], "n/a");
    // This test program has no selectable allocator.
    assert!(of("/gc/heap/live:bytes")["reason"].as_str().unwrap().contains("Selectable"));
}

#[test]
fn the_exposition_is_strictly_valid() {
    let fixture = fixture();
    let metrics = fixture.get("/metrics");
    assert_eq!(
        (metrics.status, metrics.header("Content-Type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    let families = exposition(metrics.text());
    assert_eq!(families.iter().find(|f| f.name == "workbench_tokio_workers").map(|f| f.value), Some(2.0));
    assert!(families.len() > 10);
}

struct Family<'a> {
    name: &'a str,
    value: f64,
}

/// Families of exactly HELP, TYPE and one value each, a histogram's being its count, and nothing else.
fn exposition(text: &str) -> Vec<Family<'_>> {
    assert!(text.ends_with('\n'), "the last line ends");
    let mut lines = text.lines().peekable();
    let mut families: Vec<Family<'_>> = Vec::new();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect("HELP");
        assert!(!help.is_empty() && !help.replace("\\\\", "").replace("\\n", "").contains('\\'), "{help}");
        let first = name.chars().next().expect("a name");
        assert!(first.is_ascii_alphabetic() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).expect("TYPE of the same family");
        assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        let number = |line: &str, start: &str| -> f64 {
            let value =
                line.strip_prefix(start).and_then(|rest| rest.strip_prefix(' ')).expect("a value of the family");
            let value: f64 = value.parse().expect("a number");
            assert!(value.is_finite() && value >= 0.0, "{name} {value}");
            value
        };
        let value = if kind == "histogram" {
            let (mut end, mut count) = (0.0, 0.0);
            while let Some(bucket) = lines.next_if(|line| line.starts_with(&format!("{name}_bucket{{le=\""))) {
                let (le, up_to) = bucket.rsplit_once("\"} ").unwrap();
                let le: f64 = le.rsplit_once('"').unwrap().1.parse().unwrap();
                let up_to: f64 = up_to.parse().unwrap();
                assert!(le > end && up_to >= count, "{bucket}");
                (end, count) = (le, up_to);
            }
            assert_eq!(end, f64::INFINITY, "{name}");
            number(lines.next().unwrap(), &format!("{name}_sum"));
            assert_eq!(number(lines.next().unwrap(), &format!("{name}_count")), count);
            count
        } else {
            number(lines.next().unwrap(), name)
        };
        assert!(families.iter().all(|family| family.name != name), "one family a name");
        families.push(Family { name, value });
    }
    families
}
