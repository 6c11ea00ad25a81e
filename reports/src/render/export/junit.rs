//! JUnit XML: what every continuous integration reads.

use super::check::{Check, Outcome, checks};
use crate::render::text;
use crate::run::{RunSummary, TrialRecord};

/// One suite, a case for each check. Regressed or broken is a failure, a failed subject an error, cannot tell skipped.
pub(super) fn junit(summary: &RunSummary, trials: &[TrialRecord]) -> String {
    let checks = checks(summary, trials);
    let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
    let (failures, errors, skipped) = (count(Outcome::Failed), count(Outcome::Error), count(Outcome::Skipped));
    let seconds: f64 = trials.iter().map(|trial| trial.duration_s).filter(|s| s.is_finite()).sum();
    let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"", checks.len());
    let scenario = attribute(&summary.scenario);
    // The schemas want local time without an offset.
    let began = attribute(summary.started_at.trim_end_matches('Z'));
    let timestamp = if began.is_empty() { String::new() } else { format!(" timestamp=\"{began}\"") };
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"workbench\" {counts} time=\"{seconds:.3}\">\n  \
         <testsuite name=\"{scenario}\" {counts} skipped=\"{skipped}\" time=\"{seconds:.3}\"{timestamp}>\n    <properties>\n"
    );
    for (name, value) in [("run", &summary.run), ("verdict", &summary.verdict), ("commit", &summary.build.commit)] {
        out.push_str(&format!("      <property name=\"{name}\" value=\"{}\"/>\n", attribute(value)));
    }
    out.push_str("    </properties>\n");
    for check in &checks {
        case(check, &scenario, &mut out);
    }
    out + "  </testsuite>\n</testsuites>\n"
}

fn case(check: &Check, scenario: &str, out: &mut String) {
    let variant = if check.variant.is_empty() { String::new() } else { format!(".{}", attribute(&check.variant)) };
    let head =
        format!("    <testcase classname=\"{scenario}{variant}\" name=\"{}\" time=\"0\"", attribute(&check.name));
    // The schemas have no attribute for a place.
    let place = check.place.as_ref().map(|place| format!(" ({}:{})", attribute(&place.file), place.line));
    let said = attribute(&check.sentence) + &place.unwrap_or_default();
    out.push_str(&match check.outcome {
        Outcome::Passed => format!("{head}>\n      <system-out>{said}</system-out>\n    </testcase>\n"),
        Outcome::Failed => {
            format!("{head}>\n      <failure type=\"regressed\" message=\"{said}\">{said}</failure>\n    </testcase>\n")
        }
        Outcome::Error => {
            format!(
                "{head}>\n      <error type=\"subject_failed\" message=\"{said}\">{said}</error>\n    </testcase>\n"
            )
        }
        Outcome::Skipped => format!("{head}>\n      <skipped message=\"{said}\"/>\n    </testcase>\n"),
    });
}

/// XML has no way to hold a control character at all: they are spelled out.
fn attribute(raw: &str) -> String {
    let legal: String =
        raw.chars().map(|c| if matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c }).collect();
    text::html(&text::sentence(&legal))
}
