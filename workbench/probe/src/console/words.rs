//! Figures as a person reads them: tokio-console shows what it is given.

use std::time::Duration;

/// `670 MiB`: three digits, powers of 1024.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    let mut unit = 0;
    // 1023.5 KiB would round to the four digits of 1024.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", three_digits(value, unit == 0), UNITS[unit])
}

/// `71.2 ms`: three digits.
pub(super) fn duration(duration: Duration) -> String {
    const UNITS: [(&str, f64); 4] = [("s", 1.0), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9)];
    let seconds = duration.as_secs_f64();
    let (unit, scale) =
        UNITS.into_iter().find(|(_, scale)| seconds * scale >= 0.9995).unwrap_or(UNITS[UNITS.len() - 1]);
    format!("{} {unit}", three_digits(seconds * scale, unit == "ns"))
}

fn three_digits(value: f64, whole: bool) -> String {
    match value {
        _ if whole || value >= 99.95 => format!("{value:.0}"),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_three_digits() {
        let shown: Vec<_> =
            [0, 1, 999, 1000, 1536, 10 << 10, 1023 << 10, 702_545_920, 5 << 40, u64::MAX].map(bytes).into();
        assert_eq!(
            shown.join(", "),
            "0 B, 1 B, 999 B, 0.98 KiB, 1.50 KiB, 10.0 KiB, 1.00 MiB, 670 MiB, 5.00 TiB, 16777216 TiB"
        );
    }

    #[test]
    fn durations_keep_three_digits() {
        let shown: Vec<_> =
            [0, 7, 1_500, 71_234_567, 999_999_999, 12_345_678_901].map(|ns| duration(Duration::from_nanos(ns))).into();
        assert_eq!(shown.join(", "), "0 ns, 7 ns, 1.50 µs, 71.2 ms, 1.00 s, 12.3 s");
    }
}
