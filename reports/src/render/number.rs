//! Numbers as people read them: three significant digits, a unit that fits, never an exponent where a prefix will do.

/// Text for a value that is not there.
pub(crate) const ABSENT: &str = "—";

const SECONDS: &[(f64, &str)] = &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];
const BYTES: &[(f64, &str)] =
    &[(1_099_511_627_776.0, "TiB"), (1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB"), (1.0, "B")];
const THOUSANDS: &[(f64, &str)] = &[(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")];

/// Formats `value` by its unit: `s`, `s/op`, `B`, `B/op`, `ops/s`, `ops`, `1`, `1/op`; any other unit is appended as is.
pub(crate) fn value(value: f64, unit: &str) -> String {
    match unit {
        "s" => seconds(value),
        "B" => bytes(value),
        "ops/s" => format!("{} ops/s", scaled(value, THOUSANDS, "")),
        "ops" => count(value),
        "1" | "" => significant(value),
        _ => match unit.split_once('/') {
            Some(("s", per)) => format!("{}/{per}", seconds(value)),
            Some(("B", per)) => format!("{}/{per}", bytes(value)),
            Some(("1", per)) => format!("{}/{per}", significant(value)),
            _ => format!("{} {unit}", significant(value)),
        },
    }
}

/// A duration given in seconds: `1.23 ms`.
pub(crate) fn seconds(value: f64) -> String {
    if value == 0.0 {
        return "0 s".into();
    }
    scaled(value, SECONDS, " ")
}

/// A size given in bytes: `4.50 MiB`.
pub(crate) fn bytes(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1024.0 {
        return format!("{value:.0} B");
    }
    scaled(value, BYTES, " ")
}

/// A count with thousands separated: `12,345`; a fractional one (a median) keeps one decimal.
pub(crate) fn count(value: f64) -> String {
    if !value.is_finite() {
        return infinite(value);
    }
    let decimals = usize::from(value.fract() != 0.0);
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::new();
    if value < 0.0 {
        out.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A share as a percentage: `0.983` is `98 %`, `0.0012` is `0.12 %`.
pub(crate) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return infinite(share);
    }
    let value = share * 100.0;
    let decimals = match value.abs() {
        0.0 => 0,
        v if v >= 9.95 => 0,
        v if v >= 0.995 => 1,
        v if v >= 0.0995 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    format!("{} %", trim_zeros(&text))
}

/// [`value`] without the zeros that a tick label does not need: `1 ms`, not `1.00 ms`.
pub(crate) fn tick(number: f64, unit: &str) -> String {
    let text = value(number, unit);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(text.len());
    format!("{}{}", trim_zeros(&text[..end]), &text[end..])
}

/// [`tick`] of a duration in seconds.
pub(crate) fn tick_seconds(seconds: f64) -> String {
    tick(seconds, "s")
}

/// Median, the mean of the middle two for an even count; sorts `values`. `None` without values.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// A ratio: `0.12×`, `1.05×`, `12.3×`.
pub(crate) fn ratio(value: f64) -> String {
    format!("{}×", ratio_digits(value, 2))
}

/// A ratio with its interval, both with the same number of digits: `0.12×` and `[0.09, 0.16]`.
///
/// Narrow intervals get a third decimal, so that `1.003 [0.998, 1.008]` does not read as `1.00 [1.00, 1.01]`.
pub(crate) fn interval(ratio: f64, low: f64, high: f64) -> (String, String) {
    let decimals = if high - low < 0.03 { 3 } else { 2 };
    (
        format!("{}×", ratio_digits(ratio, decimals)),
        format!("[{}, {}]", ratio_digits(low, decimals), ratio_digits(high, decimals)),
    )
}

fn ratio_digits(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return infinite(value);
    }
    match value.abs() {
        v if v >= 9.995 => significant(value),
        v if v >= 0.1 || v == 0.0 => format!("{value:.decimals$}"),
        v if v >= 0.01 => format!("{value:.3}"),
        v if v >= 0.0001 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}

/// Three significant digits, without trailing zeros behind a whole number.
pub(crate) fn significant(value: f64) -> String {
    if !value.is_finite() {
        return infinite(value);
    }
    if value == 0.0 {
        return "0".into();
    }
    let rounded = three(value);
    let magnitude = rounded.abs();
    if !(1e-6..1e15).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    if magnitude >= 1000.0 {
        return count(value.round());
    }
    if value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    let decimals = (2 - magnitude.log10().floor() as i32).clamp(0, 8) as usize;
    format!("{rounded:.decimals$}")
}

/// Rounds to three significant digits.
fn three(value: f64) -> f64 {
    let factor = 10f64.powi(2 - value.abs().log10().floor() as i32);
    let rounded = (value * factor).round() / factor;
    if rounded.is_finite() { rounded } else { value }
}

fn scaled(value: f64, steps: &[(f64, &str)], gap: &str) -> String {
    if !value.is_finite() {
        return infinite(value);
    }
    if value == 0.0 {
        return "0".into();
    }
    // Rounding first keeps 0.9996 ms from reading "1000 µs".
    let magnitude = three(value).abs() * (1.0 + 1e-12);
    let smallest = steps[steps.len() - 1];
    let (size, name) = *steps.iter().find(|(size, _)| magnitude >= *size).unwrap_or(&smallest);
    format!("{}{gap}{name}", fixed_three(value / size))
}

/// Three significant digits with the zeros kept, so that a column of `1.20 ms` and `1.23 ms` lines up.
fn fixed_three(value: f64) -> String {
    let rounded = three(value);
    match rounded.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{rounded:.1}"),
        v if v >= 0.1 => format!("{rounded:.2}"),
        _ => significant(value),
    }
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn infinite(value: f64) -> String {
    if value.is_nan() {
        ABSENT.into()
    } else if value > 0.0 {
        "∞".into()
    } else {
        "-∞".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_pick_a_prefix_that_fits() {
        let table = [
            (0.001_234, "s", "1.23 ms"),
            (0.000_041_2, "s", "41.2 µs"),
            (0.000_999_6, "s", "1.00 ms"),
            (0.000_000_000_3, "s", "0.30 ns"),
            (0.0, "s", "0 s"),
            (83.4, "s", "83.4 s"),
            (-0.002, "s", "-2.00 ms"),
            (0.000_041_2, "s/op", "41.2 µs/op"),
            (4_718_592.0, "B", "4.50 MiB"),
            (512.0, "B", "512 B"),
            (1_600.0, "B/op", "1.56 KiB/op"),
            (12_345.0, "ops/s", "12.3k ops/s"),
            (987.0, "ops/s", "987 ops/s"),
            (0.0, "ops/s", "0 ops/s"),
            (12_345.0, "ops", "12,345"),
            (12_345.5, "ops", "12,345.5"),
            (3.0, "1", "3"),
            (0.012_34, "1", "0.0123"),
            (3.25, "1/op", "3.25/op"),
            (0.5, "1/kop", "0.500/kop"),
            (2.0, "widgets", "2 widgets"),
            (f64::NAN, "s", "—"),
            (f64::INFINITY, "B", "∞"),
        ];
        for (number, unit, text) in table {
            assert_eq!(value(number, unit), text, "{number} {unit}");
        }
    }

    #[test]
    fn ratios_keep_the_digits_that_matter() {
        assert_eq!(interval(0.12, 0.09, 0.16), ("0.12×".into(), "[0.090, 0.16]".into()));
        assert_eq!(interval(1.003, 0.998, 1.008), ("1.003×".into(), "[0.998, 1.008]".into()));
        assert_eq!(interval(12.34, 10.1, 15.0), ("12.3×".into(), "[10.1, 15]".into()));
        assert_eq!(ratio(0.0123), "0.012×");
        assert_eq!(ratio(f64::NAN), "—×");
    }

    #[test]
    fn percentages() {
        assert_eq!(percent(0.983), "98 %");
        assert_eq!(percent(0.041), "4.1 %");
        assert_eq!(percent(0.0012), "0.12 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.04), "4 %");
        assert_eq!(percent(1.5), "150 %");
    }

    #[test]
    fn ticks_and_medians() {
        assert_eq!(tick(0.001, "s"), "1 ms");
        assert_eq!(tick(0.000_25, "s/op"), "250 µs/op");
        assert_eq!(tick(1_500.0, "ops/s"), "1.5k ops/s");
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }

    proptest! {
        #[test]
        fn seconds_are_within_half_a_percent(number in 1e-8f64..1e5) {
            let text = seconds(number);
            let (digits, unit) = text.split_once(' ').expect("digits and unit");
            let size = SECONDS.iter().find(|(_, name)| *name == unit).expect("known unit").0;
            let back = digits.parse::<f64>().expect("plain decimal") * size;
            prop_assert!((back - number).abs() <= number * 0.0051, "{number} became {text}");
        }

        #[test]
        fn no_value_breaks_a_format(number in proptest::num::f64::ANY, unit in "[a-zA-Z0-9/]{0,8}") {
            let text = value(number, &unit);
            prop_assert!(!text.is_empty() && text.len() < 400);
        }
    }
}
