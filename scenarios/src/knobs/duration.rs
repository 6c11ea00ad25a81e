//! Durations as people write them: `30s` yes, `30` no.

use std::time::Duration;

use jiff::fmt::friendly::{Designator, Spacing, SpanParser, SpanPrinter};

const PRINTER: SpanPrinter = SpanPrinter::new().designator(Designator::HumanTime).spacing(Spacing::None);

/// Reads a duration with units, such as `30s`, `1m 30s` or `50us`.
///
/// # Errors
/// What would be right, as the end of a sentence that begins with "is not".
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    if !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(format!("a duration: it needs a unit, such as `{trimmed}s` or `{trimmed}ms`"));
    }
    SpanParser::new()
        .parse_unsigned_duration(trimmed)
        .map_err(|_| "a duration such as `500ms`, `30s` or `1m 30s`".to_owned())
}

/// Writes a duration the way [`parse_duration`] reads it, without spaces, exactly.
pub fn duration_text(duration: Duration) -> String {
    PRINTER.unsigned_duration_to_string(&duration)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_needed() {
        for (text, expected) in [
            ("30s", Duration::from_secs(30)),
            ("1500ms", Duration::from_millis(1500)),
            ("50us", Duration::from_micros(50)),
            ("50µs", Duration::from_micros(50)),
            ("1m 30s", Duration::from_secs(90)),
            ("1.5s", Duration::from_millis(1500)),
            (" 2h ", Duration::from_secs(7200)),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        for text in ["30", "", "s", "-5s", "5s ago", "1 fortnight", "30 s s", "1e3s"] {
            parse_duration(text).unwrap_err();
        }
        assert_eq!(parse_duration("30").unwrap_err(), "a duration: it needs a unit, such as `30s` or `30ms`");
    }

    #[test]
    fn one_spelling_for_each_duration() {
        for (duration, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_micros(50), "50us"),
            (Duration::from_millis(1500), "1s500ms"),
            (Duration::from_secs(3600), "1h"),
        ] {
            assert_eq!(duration_text(duration), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(secs in 0_u64..10_000_000, nanos in 0_u32..1_000_000_000) {
            let duration = Duration::new(secs, nanos);
            prop_assert_eq!(parse_duration(&duration_text(duration)), Ok(duration));
        }
    }
}
