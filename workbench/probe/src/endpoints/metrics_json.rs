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
    value: Json,
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
enum Json {
    Whole(u64),
    Real(f64),
    NotAvailable(&'static str),
}

/// The document, ending in a line feed.
pub(super) fn render(figures: &[Figure]) -> Vec<u8> {
    let present = |text: &'static str| (!text.is_empty()).then_some(text);
    let metrics = figures.iter().map(|figure| Metric {
        name: present(figure.name),
        value: match figure.value {
            Ok(Value::Whole(value)) => Json::Whole(value),
            Ok(Value::Real(value)) => Json::Real(value),
            Err(_) => Json::NotAvailable("n/a"),
        },
        unit: figure.unit,
        kind: match figure.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
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

    #[test]
    fn what_is_missing_says_why() {
        let figures = [
            Figure::new(Kind::Counter, "a_bytes_total", "bytes", Ok(Value::Whole(u64::MAX))).go("/a:bytes").note("A."),
            Figure::new(Kind::Gauge, "", "seconds", Err("no \"such\" thing".into())).go("/b:seconds"),
        ];
        insta::assert_snapshot!(String::from_utf8(render(&figures)).unwrap());
    }
}
