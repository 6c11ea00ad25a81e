//! `/debug/metrics.json`: the figures for programs, with Go's names.

use serde::Serialize;

use super::figures::{Figure, Kind, Value};

#[derive(Serialize)]
struct Document<'a> {
    /// Format of this document; grows when a field changes its meaning.
    version: u32,
    metrics: Vec<Metric<'a>>,
}

#[derive(Serialize)]
struct Metric<'a> {
    /// Null where Go's figure has no counterpart.
    name: Option<&'a str>,
    value: Json<'a>,
    unit: &'a str,
    kind: &'static str,
    /// Null where Go has no such figure.
    go: Option<&'a str>,
    /// Why the value is `n/a`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Json<'a> {
    Whole(u64),
    Real(f64),
    Histogram(Buckets<'a>),
    NotAvailable(&'static str),
}

/// As Go's `Float64Histogram`: one more end of a bucket than counts. JSON has no infinity: the last end is null.
#[derive(Serialize)]
struct Buckets<'a> {
    counts: &'a [u64],
    buckets: &'a [f64],
}

/// The document, ending in a line feed.
pub(super) fn render(figures: &[Figure]) -> Vec<u8> {
    let present = |text: &'static str| (!text.is_empty()).then_some(text);
    let metrics = figures.iter().map(|figure| Metric {
        name: present(figure.name),
        value: match &figure.value {
            Ok(Value::Whole(value)) => Json::Whole(*value),
            Ok(Value::Real(value)) => Json::Real(*value),
            Ok(Value::Histogram(value)) => Json::Histogram(Buckets { counts: &value.counts, buckets: &value.ends }),
            Err(_) => Json::NotAvailable("n/a"),
        },
        unit: figure.unit,
        kind: match figure.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        },
        go: present(figure.go),
        reason: figure.value.as_ref().err().map(String::as_str),
        note: figure.note,
    });
    let document = Document { version: 1, metrics: metrics.collect() };
    // Texts and numbers always serialise into memory.
    let mut bytes = serde_json::to_vec_pretty(&document).expect("plain data serialises");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::histogram::Histogram;

    #[test]
    fn a_histogram_is_counts_and_ends_of_buckets() {
        let value = Value::Histogram(Histogram { ends: vec![0.0, 0.5, f64::INFINITY], counts: vec![3, 1] });
        let figures = [Figure::new(Kind::Histogram, "a_seconds", "seconds", Ok(value)).go("/a:seconds").note("A.")];
        let document: serde_json::Value = serde_json::from_slice(&render(&figures)).unwrap();
        let metric = &document["metrics"][0];
        assert_eq!(metric["kind"], "histogram");
        assert_eq!(metric["value"], serde_json::json!({ "counts": [3, 1], "buckets": [0.0, 0.5, null] }));
    }

    #[test]
    fn what_is_missing_says_why() {
        let figures = [
            Figure::new(Kind::Counter, "a_bytes_total", "bytes", Ok(Value::Whole(u64::MAX))).go("/a:bytes").note("A."),
            Figure::new(Kind::Gauge, "", "seconds", Err("no \"such\" thing".into())).go("/b:seconds"),
        ];
        insta::assert_snapshot!(String::from_utf8(render(&figures)).unwrap());
    }
}
