//! What others read of the server, where they are installed.

use std::process::Command;
use std::time::Duration;

/// What wrk says.
pub(crate) struct Wrk {
    pub(crate) rate: f64,
    pub(crate) p50_us: f64,
}

/// A closed loop by one thread of wrk; `None` where it is not there.
pub(crate) fn wrk(port: u16, connections: usize, span: Duration) -> Option<Wrk> {
    let output = Command::new("wrk")
        .args(["--threads", "1", "--latency", "--connections", &connections.to_string()])
        .args(["--duration", &format!("{}s", span.as_secs()), &format!("http://127.0.0.1:{port}/")])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let after = |mark: &str| text.split(mark).nth(1)?.split_whitespace().next().map(str::to_owned);
    Some(Wrk { rate: after("Requests/sec:")?.parse().ok()?, p50_us: microseconds(&after("50%")?)? })
}

/// The median of an open loop of oha, µs; `None` where it is not there.
pub(crate) fn oha(port: u16, connections: usize, rate: f64, span: Duration) -> Option<f64> {
    let output = Command::new("oha")
        .args(["--no-tui", "--latency-correction", "--output-format", "json", "-c", &connections.to_string()])
        .args(["-q", &rate.to_string(), "-z", &format!("{}s", span.as_secs()), &format!("http://127.0.0.1:{port}/")])
        .output()
        .ok()?;
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    document["latencyPercentiles"]["p50"].as_f64().map(|seconds| seconds * 1e6)
}

/// `1.23ms` as 1230.
fn microseconds(text: &str) -> Option<f64> {
    let (number, factor) = if let Some(number) = text.strip_suffix("us") {
        (number, 1.0)
    } else if let Some(number) = text.strip_suffix("ms") {
        (number, 1e3)
    } else {
        (text.strip_suffix('s')?, 1e6)
    };
    Some(number.parse::<f64>().ok()? * factor)
}
