//! `/metrics`: the figures in Prometheus's text format 0.0.4.

use std::fmt::Write as _;

use super::figures::{Figure, Kind, Value};
use super::histogram::Histogram;

/// Content type of the format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One family each; what is not available is left out, as Prometheus has it.
pub(super) fn render(figures: &[Figure]) -> String {
    let mut text = String::new();
    for figure in figures.iter().filter(|figure| !figure.name.is_empty()) {
        let Ok(value) = &figure.value else { continue };
        let kind = match figure.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let (name, help) = (figure.name, escaped(figure.note));
        // Writing to a String never fails.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        let _ = match value {
            Value::Whole(value) => writeln!(text, "{name} {value}"),
            Value::Real(value) => writeln!(text, "{name} {value}"),
            Value::Histogram(value) => {
                text.push_str(&buckets(name, value));
                Ok(())
            }
        };
    }
    text
}

/// Counts up to the end of each bucket; the format has no counts of single buckets.
fn buckets(name: &str, histogram: &Histogram) -> String {
    let (mut text, mut up_to) = (String::new(), 0);
    for (end, count) in histogram.ends.iter().skip(1).zip(&histogram.counts) {
        up_to += count;
        let _ = match end.is_finite() {
            true => writeln!(text, "{name}_bucket{{le=\"{end}\"}} {up_to}"),
            false => writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {up_to}"),
        };
    }
    let _ = writeln!(text, "{name}_sum {}\n{name}_count {}", histogram.sum(), histogram.count());
    text
}

/// HELP texts escape backslashes and line feeds.
fn escaped(help: &str) -> String {
    help.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_help_type_and_value() {
        let figures = [
            Figure::new(Kind::Counter, "a_bytes_total", "bytes", Ok(Value::Whole(7))).note("One \\ two\nthree."),
            Figure::new(Kind::Gauge, "b_seconds", "seconds", Ok(Value::Real(0.25))).note("B."),
            Figure::new(Kind::Gauge, "c_bytes", "bytes", Err("missing".into())).note("C."),
            Figure::new(Kind::Gauge, "", "seconds", Err("missing".into())).go("/d:seconds"),
            Figure::new(
                Kind::Histogram,
                "e_seconds",
                "seconds",
                Ok(Value::Histogram(Histogram { ends: vec![0.0, 0.5, 1.5, f64::INFINITY], counts: vec![4, 2, 1] })),
            )
            .note("E."),
        ];
        insta::assert_snapshot!(render(&figures), @r##"
        # HELP a_bytes_total One \\ two\nthree.
        # TYPE a_bytes_total counter
        a_bytes_total 7
        # HELP b_seconds B.
        # TYPE b_seconds gauge
        b_seconds 0.25
        # HELP e_seconds E.
        # TYPE e_seconds histogram
        e_seconds_bucket{le="0.5"} 4
        e_seconds_bucket{le="1.5"} 6
        e_seconds_bucket{le="+Inf"} 7
        e_seconds_sum 4.5
        e_seconds_count 7
        "##);
    }
}
