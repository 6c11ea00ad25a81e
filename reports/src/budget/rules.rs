//! Prometheus rules that watch an objective: recorded error ratios, the budget that is left, and alerts on burn rate over
//! several windows (Google, The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts").

use std::fmt::Write as _;

use crate::run::Slo;

/// What stands for the window in a query.
pub const WINDOW: &str = "{{.window}}";

/// Service-level indicator: how Prometheus counts operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sli {
    /// Name, the label `slo` of every rule.
    pub name: String,
    /// Query for bad operations per second, with [`WINDOW`] in its ranges.
    pub bad: String,
    /// Query for all operations per second.
    pub total: String,
}

/// Why no rules can be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A query over a fixed range.
    #[error(
        "the query for {which} operations has no `{WINDOW}`: it stands for the range, as in `sum(rate(requests_total[{WINDOW}]))`"
    )]
    NoWindow {
        /// `bad` or `all`.
        which: &'static str,
    },
}

/// Ranges that error ratios are recorded over.
const RANGES: [(&str, f64); 7] = [
    ("5m", 300.0),
    ("30m", 1800.0),
    ("1h", HOUR),
    ("2h", 2.0 * HOUR),
    ("6h", 6.0 * HOUR),
    ("1d", DAY),
    ("3d", 3.0 * DAY),
];
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;

/// Short range, long range, seconds of the long one, part of the budget that may go in it, and who is told. The parts are
/// the workbook's: over 30 days they are burn rates of 14.4, 6, 3 and 1.
const ALERTS: [(&str, &str, f64, f64, &str); 4] = [
    ("5m", "1h", HOUR, 0.02, "page"),
    ("30m", "6h", 6.0 * HOUR, 0.05, "page"),
    ("2h", "1d", DAY, 0.10, "ticket"),
    ("6h", "3d", 3.0 * DAY, 0.10, "ticket"),
];

/// The rules as YAML, for `rule_files` of Prometheus.
///
/// # Errors
/// [`RulesError::NoWindow`].
pub fn rules(slo: &Slo, sli: &Sli) -> Result<String, RulesError> {
    for (which, query) in [("bad", &sli.bad), ("all", &sli.total)] {
        if !query.contains(WINDOW) {
            return Err(RulesError::NoWindow { which });
        }
    }
    let label = format!("{{slo={}}}", quoted(&sli.name));
    let window = duration(slo.window_s);
    let allowed = number(slo.allowed());
    let mut out = format!(
        "# Error budget of {}: {} of operations may be bad over {window}.\n\
         # Written by `workbench slo rules`. What is left, for `workbench gate --budget`:\n\
         #   http://PROMETHEUS:9090/api/v1/query?query=slo:error_budget_remaining:ratio{}\n\
         # A query for bad operations that matches no series gives no ratio: end it in `or vector(0)` where that may be.\n\
         groups:\n",
        comment(&sli.name),
        allowed,
        comment(&label),
    );
    group(&mut out, &format!("slo-{}-ratios", sli.name));
    for (range, _) in RANGES {
        let (bad, total) = (sli.bad.replace(WINDOW, range), sli.total.replace(WINDOW, range));
        // Without traffic there is no ratio; 0 ÷ 0 would spoil every average over it.
        record(
            &mut out,
            &format!("slo:sli_error:ratio_rate{range}"),
            &format!("({bad})\n/\n(({total}) > 0)"),
            &sli.name,
        );
    }
    group(&mut out, &format!("slo-{}-budget", sli.name));
    record(&mut out, "slo:objective:ratio", &format!("vector({})", number(slo.objective)), &sli.name);
    // Every five minutes weigh alike: a range over the whole window would be read from raw samples each time.
    let spent = format!("avg_over_time(slo:sli_error:ratio_rate5m{label}[{window}]) / {allowed}");
    record(&mut out, "slo:error_budget_remaining:ratio", &format!("1 - {spent}"), &sli.name);
    let burn = format!("slo:sli_error:ratio_rate1h{label} / {allowed}");
    record(&mut out, "slo:burn_rate:ratio_rate1h", &burn, &sli.name);
    group(&mut out, &format!("slo-{}-alerts", sli.name));
    for severity in ["page", "ticket"] {
        alert(&mut out, slo, sli, &label, severity);
    }
    Ok(out)
}

fn alert(out: &mut String, slo: &Slo, sli: &Sli, label: &str, severity: &str) {
    let pairs = ALERTS.iter().filter(|(.., told)| *told == severity);
    let conditions: Vec<String> = pairs
        .map(|(short, long, long_s, part, _)| {
            let factor = part * slo.window_s / long_s;
            let above = |range: &str| {
                format!("slo:sli_error:ratio_rate{range}{label} > ({} * {})", number(factor), number(slo.allowed()))
            };
            format!("(\n  {}\n  and\n  {}\n)", above(short), above(long))
        })
        .collect();
    let name = if severity == "page" { "ErrorBudgetBurnsFast" } else { "ErrorBudgetBurns" };
    let _ = writeln!(out, "  - alert: {name}");
    field(out, "expr", &conditions.join("\nor\n"));
    let _ = writeln!(out, "    labels:\n      severity: {severity}\n      slo: {}", quoted(&sli.name));
    let summary = format!("Error budget of {} burns too fast", sli.name);
    // Braces would be a template.
    let summary = quoted(&summary.replace("{{", "{ {"));
    let _ = writeln!(out, "    annotations:\n      summary: {summary}");
}

fn group(out: &mut String, name: &str) {
    let _ = writeln!(out, "- name: {}\n  rules:", quoted(name));
}

fn record(out: &mut String, name: &str, expression: &str, slo: &str) {
    let _ = writeln!(out, "  - record: {name}");
    field(out, "expr", expression);
    let _ = writeln!(out, "    labels:\n      slo: {}", quoted(slo));
}

/// A field of a rule: on its line, or as a block where it has several. What a block cannot hold goes in quotes.
fn field(out: &mut String, key: &str, text: &str) {
    let text = text.trim();
    let plain = text.lines().all(|line| !line.chars().any(char::is_control)) && !text.contains('\r');
    if plain && text.contains('\n') {
        let _ = writeln!(out, "    {key}: |-");
        for line in text.lines() {
            let _ = writeln!(out, "      {line}");
        }
    } else {
        let _ = writeln!(out, "    {key}: {}", quoted(text));
    }
}

/// A JSON string is a YAML string in double quotes, and a PromQL one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text within a comment: on its line.
fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

/// A duration as Prometheus writes it, in its largest whole unit.
fn duration(seconds: f64) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (60.0, "m"), (1.0, "s")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds % size == 0.0).unwrap_or((1.0, "s"));
    format!("{:.0}{unit}", (seconds / size).max(1.0))
}

/// Twelve digits: enough for six nines, without the tail of 1 − 0.9995.
fn number(value: f64) -> String {
    let text = format!("{value:.12}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sli() -> Sli {
        Sli {
            name: "checkout".into(),
            bad: "sum(rate(requests_total{code=~\"5..\"}[{{.window}}]))".into(),
            total: "sum(rate(requests_total[{{.window}}]))".into(),
        }
    }

    const SLO: Slo = Slo { objective: 0.9995, latency_s: Some(0.35), window_s: 30.0 * DAY };

    #[test]
    fn rules_of_thirty_days() {
        insta::assert_snapshot!(rules(&SLO, &sli()).unwrap());
    }

    #[test]
    fn burn_rates_follow_the_window() {
        let week = rules(&Slo { window_s: 7.0 * DAY, ..SLO }, &sli()).unwrap();
        // 2 % of a week's budget in an hour: 0.02 × 168.
        assert!(week.contains("> (3.36 * 0.0005)") && week.contains("[7d]"), "{week}");
    }

    #[test]
    fn a_query_must_leave_its_range_open() {
        let fixed = Sli { total: "sum(rate(requests_total[5m]))".into(), ..sli() };
        insta::assert_snapshot!(
            rules(&SLO, &fixed).unwrap_err(),
            @"the query for all operations has no `{{.window}}`: it stands for the range, as in `sum(rate(requests_total[{{.window}}]))`"
        );
    }

    #[test]
    fn durations_in_whole_units() {
        for (seconds, expected) in
            [(30.0 * DAY, "30d"), (36.0 * HOUR, "36h"), (90.0, "90s"), (5400.0, "90m"), (0.0, "1d")]
        {
            assert_eq!(duration(seconds), expected);
        }
    }

    /// The real reader, where Debian's package `prometheus` is installed.
    #[test]
    fn promtool_accepts_them() {
        let folder = tempfile::tempdir().unwrap();
        let hostile = Sli { name: "a\"b\\c\n# {{ $labels.x }}: '&*".into(), ..sli() };
        for (name, sli) in [("plain", sli()), ("hostile", hostile)] {
            let file = folder.path().join(format!("{name}.yaml"));
            std::fs::write(&file, rules(&SLO, &sli).unwrap()).unwrap();
            let Ok(checked) = std::process::Command::new("promtool").args(["check", "rules"]).arg(&file).output()
            else {
                return;
            };
            let said =
                String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
            assert!(checked.status.success() && said.contains("12 rules found"), "{name}: {said}");
        }
    }
}
