mod messages;
mod reading;
mod robustness;
mod subject;

/// A file that is right, for tests that break it in one place.
const RIGHT: &str = r#"name = "shop"
version = 1
summary = "A shop."
workload = "shop"

[load]
rate = 1000

[[mix]]
operation = "orders"
weight = 39
method = "POST"
path = "/orders"
body = '{"n":${sequence}}'
expect_status = 201

[[mix]]
operation = "health"
weight = 1
background = true
path = "/health"

[knobs]
runtime.worker_threads = 2

[workload_parameters]
login = "inline"
limit = 4

[[variant]]
name = "broken"

[[variant]]
name = "fixed"
summary = "Better."
[variant.set]
workload.login = "pool"
"#;

/// [`RIGHT`] with one piece replaced.
fn with(from: &str, to: &str) -> String {
    assert!(RIGHT.contains(from), "{from}");
    RIGHT.replacen(from, to, 1)
}
