//! OpenMetrics 1.0 text: a gauge for each metric, and the verdicts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::metric;
use crate::run::{RunSummary, SloVerdict, Verdict};

/// The run's values. Content type: `application/openmetrics-text; version=1.0.0; charset=utf-8`.
pub(super) fn open_metrics(summary: &RunSummary) -> String {
    let mut out = String::new();
    let scenario = ("scenario", summary.scenario.as_str());
    family(&mut out, "workbench_run", "info", None, "What ran.");
    let commit = ("commit", summary.build.commit.as_str());
    sample(&mut out, "workbench_run_info", &[scenario, ("run", &summary.run), commit, ("cpu", &summary.host.cpu)], 1.0);
    trials(&mut out, summary);
    // A family's samples stand together, whatever their variant.
    let mut families: BTreeMap<String, Vec<(&str, &str, f64)>> = BTreeMap::new();
    for variant in &summary.variants {
        for (name, value) in variant.metrics.iter().filter(|(_, value)| value.value.is_finite()) {
            let (base, _) = metric::split(name);
            if metric::lookup(name).is_some() {
                families.entry(base.to_owned()).or_default().push((&variant.name, name, value.value));
            }
        }
    }
    for (base, samples) in families {
        let Some(known) = metric::lookup(&base) else { continue };
        let (name, unit) = named(&base, known.unit);
        family(&mut out, &name, "gauge", unit, known.about);
        for (variant, full, value) in samples {
            let mut labels = vec![scenario, ("variant", variant)];
            labels.extend(metric::split(full).1.map(|operation| ("operation", operation)));
            sample(&mut out, &name, &labels, value);
        }
    }
    comparisons(&mut out, summary);
    objective(&mut out, summary);
    out + "# EOF\n"
}

fn trials(out: &mut String, summary: &RunSummary) {
    family(out, "workbench_trials", "gauge", None, "Measured trials that ended well.");
    for variant in &summary.variants {
        let labels = [("scenario", summary.scenario.as_str()), ("variant", &variant.name)];
        sample(out, "workbench_trials", &labels, f64::from(variant.trials));
    }
    family(out, "workbench_trials_driver_limited", "gauge", None, "Trials whose driver could not keep up.");
    for variant in &summary.variants {
        let labels = [("scenario", summary.scenario.as_str()), ("variant", &variant.name)];
        sample(out, "workbench_trials_driver_limited", &labels, f64::from(variant.driver_limited));
    }
}

fn comparisons(out: &mut String, summary: &RunSummary) {
    let ends = [("estimate", 0), ("low", 1), ("high", 2)];
    if summary.comparisons.is_empty() {
        return;
    }
    family(out, "workbench_comparison_ratio", "gauge", Some("ratio"), "Candidate ÷ base with its 95 % interval.");
    for one in &summary.comparisons {
        for (end, index) in ends {
            let value = [one.ratio, one.low, one.high][index].filter(|value| value.is_finite());
            let Some(value) = value else { continue };
            let labels =
                [("base", one.base.as_str()), ("candidate", &one.candidate), ("metric", &one.metric), ("end", end)];
            let labels: Vec<_> = std::iter::once(("scenario", summary.scenario.as_str())).chain(labels).collect();
            sample(out, "workbench_comparison_ratio", &labels, value);
        }
    }
    family(out, "workbench_comparison_verdict", "stateset", None, "What a comparison concluded.");
    for one in &summary.comparisons {
        let verdicts = [
            ("improved", Verdict::Improved),
            ("regressed", Verdict::Regressed),
            ("same", Verdict::Same),
            ("cannot_tell", Verdict::CannotTell),
            ("not_comparable", Verdict::NotComparable),
        ];
        for (word, verdict) in verdicts {
            let labels = [
                ("scenario", summary.scenario.as_str()),
                ("base", &one.base),
                ("candidate", &one.candidate),
                ("metric", &one.metric),
                ("workbench_comparison_verdict", word),
            ];
            sample(out, "workbench_comparison_verdict", &labels, f64::from(u8::from(one.verdict == verdict)));
        }
    }
}

fn objective(out: &mut String, summary: &RunSummary) {
    let Some(judged) = &summary.slo else { return };
    family(out, "workbench_slo_burn_rate", "gauge", None, "Part of bad operations ÷ part that may be bad.");
    for burn in &judged.burn {
        for (end, value) in [("estimate", burn.rate), ("low", burn.low), ("high", burn.high)] {
            let Some(value) = value.filter(|value| value.is_finite()) else { continue };
            let labels = [("scenario", summary.scenario.as_str()), ("variant", &burn.variant), ("end", end)];
            sample(out, "workbench_slo_burn_rate", &labels, value);
        }
    }
    family(out, "workbench_slo_verdict", "stateset", None, "Whether the objective holds.");
    for burn in &judged.burn {
        let verdicts =
            [("met", SloVerdict::Met), ("missed", SloVerdict::Missed), ("cannot_tell", SloVerdict::CannotTell)];
        for (word, verdict) in verdicts {
            let labels =
                [("scenario", summary.scenario.as_str()), ("variant", &burn.variant), ("workbench_slo_verdict", word)];
            sample(out, "workbench_slo_verdict", &labels, f64::from(u8::from(burn.verdict == verdict)));
        }
    }
}

/// A metric's name with its unit at its end, as the format wants it, and the unit where it is a base unit.
fn named(metric: &str, unit: &str) -> (String, Option<&'static str>) {
    let stem = metric.replace('.', "_");
    let stem = stem.trim_end_matches("_per_op").trim_end_matches("_per_kop");
    let (suffix, unit) = match unit {
        "s" => ("seconds", Some("seconds")),
        "B" => ("bytes", Some("bytes")),
        "ops" => ("operations", Some("operations")),
        "ops/s" => ("operations_per_second", Some("operations_per_second")),
        "s/op" => ("seconds_per_operation", Some("seconds_per_operation")),
        "B/op" => ("bytes_per_operation", Some("bytes_per_operation")),
        "1/op" => ("per_operation", Some("per_operation")),
        "1/kop" => ("per_thousand_operations", Some("per_thousand_operations")),
        _ => ("ratio", Some("ratio")),
    };
    // `alloc_bytes` would repeat its unit.
    let stem = stem.trim_end_matches("_bytes");
    (format!("workbench_{stem}_{suffix}"), unit)
}

fn family(out: &mut String, name: &str, kind: &str, unit: Option<&str>, about: &str) {
    let _ = writeln!(out, "# TYPE {name} {kind}");
    if let Some(unit) = unit {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    let _ = writeln!(out, "# HELP {name} {}", escaped(about));
}

fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    let labels: Vec<String> = labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escaped(text))).collect();
    let _ = writeln!(out, "{name}{{{}}} {value}", labels.join(","));
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
