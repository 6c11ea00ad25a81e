//! What became of a limit, in one sentence.

use super::{Limit, LimitOutcome, LimitVerdict};
use crate::metric::{self, format_value};

/// ``CPU per op +5.2 % [+3.9 %, +6.5 %]: `cpu_per_op<+3%` is broken (12 pairs)``.
pub(super) fn sentence(limit: &Limit, outcome: &LimitOutcome, counted: Option<&str>) -> String {
    let what = metric::words(&limit.metric);
    let value = |value: f64| spoken(outcome.relative, value, &outcome.unit);
    let found = match (outcome.estimate, outcome.low, outcome.high) {
        (Some(estimate), Some(low), Some(high)) => {
            format!("{what} {} [{}, {}]", value(estimate), value(low), value(high))
        }
        (Some(estimate), ..) => format!("{what} {}", value(estimate)),
        _ => what,
    };
    let from = counted.map_or_else(|| pairs(outcome), str::to_owned);
    let allowed = format!("`{}`", limit.text);
    match outcome.verdict {
        LimitVerdict::Held => format!("{found}: {allowed} is kept ({from})"),
        LimitVerdict::Broken => format!("{found}: {allowed} is broken ({from})"),
        LimitVerdict::NotComparable => {
            format!(
                "{found}: {allowed} must not be judged, {}",
                outcome.why.as_deref().unwrap_or("nothing was measured")
            )
        }
        LimitVerdict::CannotTell => {
            let why = outcome.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let needed = match outcome.pairs_needed {
                Some(needed) => format!("; about {needed} pairs would tell"),
                None => String::new(),
            };
            format!("{found}: cannot tell whether {allowed} is kept ({from}{needed}){why}")
        }
    }
}

/// `12 pairs`: what an outcome stands on.
pub(crate) fn pairs(outcome: &LimitOutcome) -> String {
    let (one, many) = match (outcome.counted, outcome.relative) {
        (true, _) => ("evidence trial", "evidence trials"),
        (false, true) => ("pair", "pairs"),
        (false, false) => ("trial", "trials"),
    };
    format!("{} {}", outcome.pairs, if outcome.pairs == 1 { one } else { many })
}

/// A ratio as a change, a share in percent, anything else with its unit.
pub(crate) fn spoken(relative: bool, value: f64, unit: &str) -> String {
    match (relative, unit) {
        (true, _) => change(value),
        (false, "1") => share(value),
        (false, _) => format_value(value, unit),
    }
}

/// `+5.2 %` of 1.052; from a doubling on `3.4×`.
pub(crate) fn change(ratio: f64) -> String {
    if !ratio.is_finite() {
        return "∞".to_owned();
    }
    if ratio >= 2.0 {
        return if ratio >= 9.95 { format!("{ratio:.0}×") } else { format!("{ratio:.1}×") };
    }
    percent(ratio - 1.0)
}

/// `+5.2 %` of 0.052.
fn percent(change: f64) -> String {
    let percent = change * 100.0;
    let text = match percent.abs() {
        size if size >= 99.5 => format!("{percent:+.0}"),
        size if size >= 0.095 || size == 0.0 => format!("{percent:+.1}"),
        _ => format!("{percent:+.2}"),
    };
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{} %", if text == "-0" || text == "+0" { "±0" } else { text }.replace('-', "−"))
}

/// `0.1 %` of 0.001.
fn share(value: f64) -> String {
    let percent = value * 100.0;
    let text = match percent {
        0.0 => "0".to_owned(),
        size if size >= 9.95 => format!("{percent:.0}"),
        size if size >= 0.995 => format!("{percent:.1}"),
        size if size >= 0.01 => format!("{percent:.3}"),
        _ => format!("{percent:.1e}"),
    };
    let text = if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_and_shares_read_well() {
        let ratios = [1.0, 1.052, 0.9487, 1.03, 1.0004, 1.5, 2.0, 12.0, 0.1, f64::INFINITY];
        let told: Vec<_> = ratios.map(change).to_vec();
        assert_eq!(told, ["±0 %", "+5.2 %", "−5.1 %", "+3 %", "+0.04 %", "+50 %", "2.0×", "12×", "−90 %", "∞"]);
        assert_eq!([0.0, 0.001, 0.000_21, 0.12, 0.000_001].map(share), ["0 %", "0.1 %", "0.021 %", "12 %", "1.0e-4 %"]);
    }
}
