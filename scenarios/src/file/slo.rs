//! `[slo]`.

use std::time::Duration;

use super::document::{Field, Section};
use super::fields;
use crate::knobs::{duration_text, parse_duration};
use crate::spec::Slo;

/// What the budget is for where nobody says: four weeks and a bit, as most objectives have it.
const WINDOW: Duration = Duration::from_secs(30 * DAY);
const DAY: u64 = 86_400;

/// Reads the objective; `None` where a problem was reported, and `Some(None)` where there is none.
pub(super) fn read(root: &Section<'_>) -> Option<Option<Slo>> {
    let Some(field) = root.get("slo") else { return Some(None) };
    let section = field.as_section("[slo]")?;
    section.allow_only(&["objective", "latency", "window"]);
    let objective = section.required("objective").and_then(|field| objective(&field));
    let latency = match section.get("latency") {
        Some(field) => duration(&field).map(Some),
        None => Some(None),
    };
    let window = match section.get("window") {
        Some(field) => duration(&field),
        None => Some(WINDOW),
    };
    Some(Some(Slo { objective: objective?, latency: latency?, window: window? }))
}

fn objective(field: &Field<'_>) -> Option<f64> {
    let value = fields::number(field)?;
    if value > 0.0 && value < 1.0 {
        return Some(value);
    }
    let help = if value > 1.0 && value < 100.0 {
        // The division would show its rounding.
        let part = format!("{:.9}", value / 100.0);
        format!("a part, not per cent: {}", part.trim_end_matches('0'))
    } else {
        "for example 0.999; an objective of 1 leaves no budget".to_owned()
    };
    field.problem("`objective` must be above 0 and below 1", Some(help));
    None
}

/// Reads a span of time above zero, such as `350ms` or `30d`; a day has 24 hours.
///
/// # Errors
/// What would be right, as the end of a sentence that begins with "is not".
pub fn parse_window(text: &str) -> Result<Duration, String> {
    match days(text).map_or_else(|| parse_duration(text), Ok) {
        Ok(duration) if duration.is_zero() => Err("longer than nothing".to_owned()),
        Err(error) if !error.contains("unit") => Err("a duration such as `350ms`, `1h` or `30d`".to_owned()),
        other => other,
    }
}

/// Whole days or weeks, of 24 hours each: what a window is most often.
fn days(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, days) = text.strip_suffix('d').map(|n| (n, 1)).or_else(|| text.strip_suffix('w').map(|n| (n, 7)))?;
    let number: u64 = number.trim_end().parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(days * DAY)?))
}

/// A window as [`parse_window`] reads it back: in days where it is whole ones.
pub fn window_text(window: Duration) -> String {
    match window.as_secs() {
        seconds if seconds > 0 && seconds % DAY == 0 && window.subsec_nanos() == 0 => format!("{}d", seconds / DAY),
        _ => duration_text(window),
    }
}

/// A span of time above zero.
fn duration(field: &Field<'_>) -> Option<Duration> {
    let Some(text) = field.value.as_str() else {
        field.wrong_type("a duration", Some("a duration is a string with a unit: \"350ms\" or \"30d\"".to_owned()));
        return None;
    };
    match parse_window(text) {
        Ok(duration) => Some(duration),
        Err(error) => {
            field.problem(format!("`{}` is not {error}", field.key), None);
            None
        }
    }
}
