//! From text to a limit.

use std::ops::Range;

use super::value::{example, split, units};
use super::{Bound, Limit, Side};
use crate::metric;

/// Why a text is not a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", help.as_ref().map(|help| format!(": {help}")).unwrap_or_default())]
pub struct LimitError {
    /// What is wrong.
    pub message: String,
    /// Bytes of the text that it is about.
    pub span: Range<usize>,
    /// What to write instead.
    pub help: Option<String>,
}

const SHAPE: &str = "write METRIC, one of < <= > >=, and a change (`+3%`) or a value (`50ms`), as in 'cpu_per_op<+3%'";

/// Reads a limit such as `cpu_per_op<+3%`, `latency.p99[login]<=50ms` or `error_rate<=0.1%`.
///
/// # Errors
/// [`LimitError`] with the bytes that are wrong and what would be right.
pub fn parse(text: &str) -> Result<Limit, LimitError> {
    let at = text.find(['<', '>', '=']).ok_or_else(|| {
        let message = format!("`{}` is not a limit: it compares nothing", text.escape_debug());
        LimitError { message, span: 0..text.len(), help: Some(SHAPE.to_owned()) }
    })?;
    let (sign, side, inclusive) = match &text.as_bytes()[at..] {
        [b'<', b'=', ..] => ("<=", Side::Below, true),
        [b'>', b'=', ..] => (">=", Side::Above, true),
        [b'<', ..] => ("<", Side::Below, false),
        [b'>', ..] => (">", Side::Above, false),
        _ => {
            let message = "`=` is not a limit: no measurement is ever equal to a value".to_owned();
            return Err(LimitError { message, span: at..at + 1, help: Some("write `<=` or `>=`".to_owned()) });
        }
    };
    let metric = known_metric(text, at)?;
    let start = at + sign.len();
    let value = text[start..].trim();
    let from = start + (text[start..].len() - text[start..].trim_start().len());
    let bound =
        bound(metric, value).map_err(|(message, help)| LimitError { message, span: from..from + value.len(), help })?;
    Ok(Limit { text: text.trim().to_owned(), metric: metric.to_owned(), side, inclusive, bound, source: None })
}

/// The metric's name before the sign.
fn known_metric(text: &str, end: usize) -> Result<&str, LimitError> {
    let name = text[..end].trim();
    let from = text[..end].len() - text[..end].trim_start().len();
    let span = from..from + name.len();
    if name.is_empty() {
        return Err(LimitError { message: "no metric before the sign".to_owned(), span, help: Some(SHAPE.to_owned()) });
    }
    if metric::lookup(name).is_some() {
        return Ok(name);
    }
    let (base, operation) = metric::split(name);
    if operation.is_some() && metric::lookup(base).is_some() {
        let message = format!("`{base}` is not counted by operation");
        return Err(LimitError { message, span, help: Some(format!("write `{base}` alone")) });
    }
    let help = match metric::nearest(name) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "metrics are latency.p50, latency.p99, cpu_per_op, capacity, error_rate, rss.max and others: see \
                 `workbench show --json`"
            .to_owned(),
    };
    Err(LimitError { message: format!("unknown metric `{}`", name.escape_debug()), span, help: Some(help) })
}

/// A message, and what to write instead.
type Wrong = (String, Option<String>);

fn bound(metric: &str, text: &str) -> Result<Bound, Wrong> {
    let unit = metric::lookup(metric).map_or("", |metric| metric.unit);
    if text.is_empty() {
        return Err(("no value after the sign".to_owned(), Some(SHAPE.to_owned())));
    }
    let (number, suffix) = split(text);
    let signed = number.starts_with(['+', '-']);
    let shown = text.escape_debug();
    let value: f64 = number
        .replace('_', "")
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .ok_or_else(|| (format!("`{shown}` does not begin with a number"), Some(SHAPE.to_owned())))?;
    match (signed, suffix) {
        (true, "%") if value <= -100.0 => {
            Err((format!("`{shown}` allows nothing: no metric falls by 100 % or more"), None))
        }
        (true, "%") => Ok(Bound::Change(value / 100.0)),
        (true, _) => Err((
            format!("`{shown}` has a sign, and only a change in percent has one"),
            Some(format!("write `+3%` for a change against the base, or a value such as `{}`", example(unit))),
        )),
        (false, "%") if unit != "1" => Err((
            format!("`{shown}` is a share, and {metric} is none"),
            Some(format!("write `+{shown}` for a change against the base, or a value such as `{}`", example(unit))),
        )),
        (false, suffix) => match units(unit).iter().find(|(name, _)| *name == suffix) {
            Some((_, factor)) => Ok(Bound::Value(value * factor)),
            None => {
                let names: Vec<_> = units(unit).iter().map(|(name, _)| *name).filter(|name| !name.is_empty()).collect();
                let known = if names.is_empty() { "no unit".to_owned() } else { names.join(", ") };
                let said = if suffix.is_empty() {
                    "has no unit".to_owned()
                } else {
                    format!("ends in `{}`", suffix.escape_debug())
                };
                Err((
                    format!("`{shown}` {said}, and {metric} takes {known}"),
                    Some(format!("write `{}`", example(unit))),
                ))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (String, Side, bool, Bound) {
        let limit = parse(text).unwrap();
        (limit.metric, limit.side, limit.inclusive, limit.bound)
    }

    #[test]
    fn limits_are_relative_with_a_sign_and_absolute_without() {
        assert_eq!(read("cpu_per_op<+3%"), ("cpu_per_op".into(), Side::Below, false, Bound::Change(0.03)));
        assert_eq!(read(" capacity >= -5 % "), ("capacity".into(), Side::Above, true, Bound::Change(-0.05)));
        assert_eq!(read("error_rate<=0.1%"), ("error_rate".into(), Side::Below, true, Bound::Value(0.001)));
        assert_eq!(read("error_rate<0.001").3, Bound::Value(0.001));
        assert_eq!(read("latency.p99[login]<=50ms").3, Bound::Value(0.05));
        assert_eq!(read("rss.max<200MiB").3, Bound::Value(200.0 * 1_048_576.0));
        assert_eq!(read("capacity>5k").3, Bound::Value(5_000.0));
        assert_eq!(read("cpu_per_op<1.5e2us").3, Bound::Value(150.0 * 1e-6));
        assert_eq!(read("timeouts<=0").3, Bound::Value(0.0));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        let all = [
            "cpu_per_op",
            "cpu_per_op=3%",
            "<+3%",
            "cpu_per_opp<+3%",
            "latency.p98<+3%",
            "cpu_per_op[login]<+3%",
            "cpu_per_op<",
            "cpu_per_op<three",
            "cpu_per_op<3%",
            "cpu_per_op<+3ms",
            "latency.p99<50",
            "latency.p99<50MiB",
            "errors<=3ms",
            "capacity>-100%",
            "zzz<1",
        ];
        let told: Vec<String> = all
            .iter()
            .map(|text| {
                let error = parse(text).unwrap_err();
                format!("{text}\n{}{}\n{error}", " ".repeat(error.span.start), "^".repeat(error.span.len().max(1)))
            })
            .collect();
        insta::assert_snapshot!(told.join("\n\n"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            if let Err(error) = parse(&text) {
                prop_assert!(text.is_char_boundary(error.span.start) && text.is_char_boundary(error.span.end));
            }
        }

        #[test]
        fn changes_come_back(percent in -99.0_f64..1_000.0) {
            let limit = parse(&format!("cpu_per_op<{percent:+}%")).unwrap();
            prop_assert_eq!(limit.bound, Bound::Change(percent / 100.0));
        }
    }
}
