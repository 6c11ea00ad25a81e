//! Typed values of single fields; what does not fit is reported and `None`.

use toml::de::{DeInteger, DeValue};

use super::document::Field;
use crate::knobs::{Kind, Knob};
use crate::problem::shown;

/// Any text.
pub(super) fn text<'a>(field: &Field<'a>) -> Option<&'a str> {
    let value = field.value.as_str();
    if value.is_none() {
        field.wrong_type("a string", None);
    }
    value
}

/// Text on one line, which may be empty.
pub(super) fn line(field: &Field<'_>) -> Option<String> {
    let value = text(field)?;
    if value.chars().any(char::is_control) {
        field.problem(format!("`{}` must be one line without control characters", field.key), None);
        return None;
    }
    Some(value.to_owned())
}

/// A name of small letters, digits and `-`.
pub(super) fn slug(field: &Field<'_>) -> Option<String> {
    named(field, "small letters, digits and `-`", |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// A name of letters, digits, `-`, `_` and `.`.
pub(super) fn word(field: &Field<'_>) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    named(field, "letters, digits, `-`, `_` and `.`", allowed)
}

fn named(field: &Field<'_>, expected: &str, allowed: impl Fn(char) -> bool) -> Option<String> {
    let value = text(field)?;
    if value.is_empty() || !value.chars().all(allowed) {
        let message = format!("`{}` = `{}` is not a name of {expected}", field.key, shown(value));
        field.problem(message, None);
        return None;
    }
    Some(value.to_owned())
}

/// A whole number in a range.
pub(super) fn integer(field: &Field<'_>, min: i128, max: i128) -> Option<i128> {
    let Some(value) = field.value.as_integer() else {
        field.wrong_type("a whole number", unquoted(field));
        return None;
    };
    // A number that no type holds is out of every range.
    let value = whole(value).filter(|value| (min..=max).contains(value));
    if value.is_none() {
        field.problem(format!("`{}` is out of range: {min} to {max}", field.key), None);
    }
    value
}

/// A finite number, whole or not.
pub(super) fn number(field: &Field<'_>) -> Option<f64> {
    let value = match field.value {
        DeValue::Integer(value) => whole(value).map(|value| value as f64),
        DeValue::Float(value) => value.as_str().parse().ok().filter(|value: &f64| value.is_finite()),
        _ => {
            field.wrong_type("a number", unquoted(field));
            return None;
        }
    };
    if value.is_none() {
        field.problem(format!("`{}` must be a finite number", field.key), None);
    }
    value
}

/// `true` or `false`.
pub(super) fn boolean(field: &Field<'_>) -> Option<bool> {
    let value = field.value.as_bool();
    if value.is_none() {
        field.wrong_type("true or false", unquoted(field));
    }
    value
}

/// The canonical spelling of a knob's value, given in the TOML type that suits the knob.
pub(super) fn knob(field: &Field<'_>, knob: &Knob) -> Option<String> {
    let given = match (knob.kind, field.value) {
        (
            Kind::Integer { .. }
            | Kind::Signed { .. }
            | Kind::Milliseconds { .. }
            | Kind::Number { .. }
            | Kind::Bytes { .. }
            | Kind::Percent { .. },
            DeValue::Integer(value),
        ) => whole(value).map_or_else(|| value.to_string(), |value| value.to_string()),
        (Kind::Number { .. }, DeValue::Float(value)) => value.as_str().to_owned(),
        (Kind::Boolean, DeValue::Boolean(value)) => value.to_string(),
        (
            Kind::Duration { .. }
            | Kind::Choice(_)
            | Kind::CpuSet
            | Kind::Size { .. }
            | Kind::Bytes { .. }
            | Kind::Percent { .. }
            | Kind::Pairs,
            DeValue::String(value),
        ) => value.to_string(),
        (kind, _) => {
            wrong_knob_type(field, kind);
            return None;
        }
    };
    match knob.check(&given) {
        Ok(canonical) => Some(canonical),
        Err(error) => {
            field.problem(error.to_string(), None);
            None
        }
    }
}

/// A scalar as a person would write it after `--set`, for settings whose type is not known here.
pub(super) fn scalar(field: &Field<'_>) -> Option<String> {
    match field.value {
        DeValue::String(value) => Some(value.to_string()),
        DeValue::Integer(value) => Some(whole(value).map_or_else(|| value.to_string(), |value| value.to_string())),
        DeValue::Float(value) => Some(value.as_str().to_owned()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            field.wrong_type("a string, a number or a boolean", None);
            None
        }
    }
}

fn wrong_knob_type(field: &Field<'_>, kind: Kind) {
    let (expected, help) = match kind {
        Kind::Duration { .. } => {
            let example = match field.value {
                DeValue::Integer(value) => format!("\"{value}s\" or \"{value}ms\""),
                _ => "\"500ms\" or \"30s\"".to_owned(),
            };
            ("a duration", Some(format!("a duration is a string with a unit: {example}")))
        }
        Kind::Choice(words) => ("a string", Some(format!("one of \"{}\"", words.join("\", \"")))),
        Kind::CpuSet => ("a string", Some("a list of CPUs such as \"0-1,3\"".to_owned())),
        Kind::Size { .. } => ("a size", Some("a size is a string with a unit: \"256MiB\", or \"off\"".to_owned())),
        Kind::Boolean => ("true or false", unquoted(field)),
        Kind::Milliseconds { .. } => {
            ("a whole number of milliseconds", Some("write it without a unit: 10000".to_owned()))
        }
        Kind::Integer { .. } | Kind::Signed { .. } => ("a whole number", unquoted(field)),
        Kind::Bytes { .. } => {
            ("a size", Some("a size is a string with a unit, \"64KiB\", or a number of bytes".to_owned()))
        }
        Kind::Number { .. } => ("a number", unquoted(field)),
        Kind::Percent { .. } => ("a whole number of percent", Some("a number without a unit, or \"off\"".to_owned())),
        Kind::Pairs => ("a string", Some("for example \"gctrace=1,madvdontneed=1\"".to_owned())),
    };
    field.wrong_type(expected, help);
}

/// The commonest slip: quotes around something that is no text.
fn unquoted(field: &Field<'_>) -> Option<String> {
    let text = field.value.as_str()?;
    let plain = matches!(text, "true" | "false") || text.parse::<f64>().is_ok_and(f64::is_finite);
    plain.then(|| format!("write it without quotes: {text}"))
}

fn whole(value: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(value.as_str(), value.radix()).ok()
}
