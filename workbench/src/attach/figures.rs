//! Single figures that a program publishes: Go's `runtime.MemStats`, our `/debug/metrics.json`, Prometheus' text.

use reports::run::Figure;
use serde::Deserialize;

/// Figures kept of a text that may hold thousands.
const MOST: usize = 80;

/// Of `runtime.MemStats`, with what they mean; the others are sums of these or of no use to a reader.
const MEMSTATS: &[(&str, &str, &str)] = &[
    ("HeapAlloc", "bytes", "live heap, and garbage not yet swept"),
    ("HeapInuse", "bytes", "spans that hold at least one object; the rest of HeapAlloc's room is fragmentation"),
    ("HeapIdle", "bytes", "spans without objects"),
    ("HeapReleased", "bytes", "of these, given back to the system"),
    ("HeapObjects", "count", "objects in HeapAlloc"),
    ("NextGC", "bytes", "size of the heap that starts the next collection"),
    ("NumGC", "count", "collections since the start"),
    ("GCCPUFraction", "of CPU", "share of the CPU available since the start that collections used"),
    ("TotalAlloc", "bytes", "allocated since the start"),
    ("Sys", "bytes", "obtained from the system"),
    ("MaxRSS", "bytes", "the most that was resident"),
];

/// The lines `# Name = value` at the end of Go's `heap?debug=1`.
pub(super) fn memstats(text: &str) -> Vec<Figure> {
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(name)?.strip_prefix(" = "));
        line.and_then(|value| value.trim().parse::<f64>().ok()).filter(|value| value.is_finite())
    };
    let known = MEMSTATS.iter().filter_map(|(name, unit, note)| Some((name, unit, note, of(name)?)));
    known
        .map(|(name, unit, note, value)| Figure {
            name: (*name).to_owned(),
            value,
            unit: (*unit).to_owned(),
            note: (*note).to_owned(),
        })
        .collect()
}

#[derive(Deserialize)]
struct Document {
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    name: Option<String>,
    /// A number, a histogram, or `n/a`.
    value: serde_json::Value,
    #[serde(default)]
    unit: String,
    go: Option<String>,
}

/// The numbers of `/debug/metrics.json`; histograms and what is not available are left out.
///
/// # Errors
/// Another document, in the parser's words.
pub(super) fn metrics_json(bytes: &[u8]) -> Result<Vec<Figure>, String> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let numbers = document.metrics.into_iter().filter_map(|metric| {
        let (name, value) = (metric.name?, metric.value.as_f64()?);
        Some(Figure { name, value, unit: metric.unit, note: metric.go.unwrap_or_default() })
    });
    Ok(numbers.take(MOST).collect())
}

/// Figures without labels of the process and of Go's runtime, from Prometheus' text format.
pub(super) fn prometheus(text: &str) -> Vec<Figure> {
    let figure = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        let told = name.starts_with("process_") || name.starts_with("go_");
        let value: f64 = value.split(' ').next()?.parse().ok()?;
        // Times of day are no durations.
        if !told || name.contains('{') || name.ends_with("_time_seconds") || !value.is_finite() {
            return None;
        }
        let base = name.strip_suffix("_total").unwrap_or(name);
        let unit = ["bytes", "seconds"].into_iter().find(|unit| base.ends_with(unit)).unwrap_or_default();
        Some(Figure { name: name.to_owned(), value, unit: unit.to_owned(), note: String::new() })
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(figure).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_go_are_read_from_the_end_of_its_heap_profile() {
        let figures = memstats(include_str!("fixtures/memstats.txt"));
        let told: Vec<String> = figures.iter().map(|f| format!("{} {} {}", f.name, f.value, f.unit)).collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn numbers_of_our_document_are_read_and_the_rest_left_out() {
        let document = br#"{"version":1,"metrics":[
            {"name":"tasks_alive","value":3,"unit":"tasks","kind":"gauge","go":"/sched/goroutines:goroutines"},
            {"name":"delay","value":{"counts":[1],"buckets":[0,null]},"unit":"seconds","kind":"histogram","go":null},
            {"name":null,"value":"n/a","unit":"seconds","kind":"gauge","go":"/gc:x","reason":"no collector"}]}"#;
        let figures = metrics_json(document).unwrap();
        assert_eq!(figures.len(), 1);
        assert_eq!(
            (figures[0].name.as_str(), figures[0].value, figures[0].note.as_str()),
            ("tasks_alive", 3.0, "/sched/goroutines:goroutines")
        );
        assert!(metrics_json(b"<html>").is_err());
    }

    #[test]
    fn plain_figures_of_prometheus_are_read() {
        let text = "# HELP x y\ngo_goroutines 108\ngo_gc_duration_seconds{quantile=\"0\"} 1\nprocess_cpu_seconds_total 1.5\n\
                    process_start_time_seconds 1.7e9\nhttp_requests_total 5\nprocess_resident_memory_bytes NaN\n";
        let told: Vec<String> = prometheus(text).iter().map(|f| format!("{} {} {}", f.name, f.value, f.unit)).collect();
        assert_eq!(told, ["go_goroutines 108 ", "process_cpu_seconds_total 1.5 seconds"]);
    }
}
