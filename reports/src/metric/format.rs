//! Values with their unit, for people: three significant digits.

/// Formats `value` (in SI `unit`) for people: `1.23 ms`, `4.5 MiB`, `12.3k ops/s`, `41.2 µs/op`.
///
/// Units with a `/` scale their numerator. A unit that is not known is appended as it is; values that are not finite
/// become `n/a`.
pub fn format_value(value: f64, unit: &str) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let (numerator, per) = match unit.split_once('/') {
        Some((numerator, per)) if unit != "ops/s" => (numerator, format!("/{per}")),
        _ => (unit, String::new()),
    };
    match numerator {
        "s" => seconds(value) + &per,
        "B" => bytes(value) + &per,
        "1" => digits(value) + &per,
        // Counts stay whole for longer than rates.
        "ops/s" => format!("{} {unit}", thousands(value, 999.5)),
        _ => format!("{} {unit}", thousands(value, 9_999.5)),
    }
}

fn seconds(value: f64) -> String {
    let size = value.abs();
    let (scale, unit) = match size {
        _ if size == 0.0 || size >= 0.999_5 => (1.0, "s"),
        _ if size >= 0.999_5e-3 => (1e3, "ms"),
        _ if size >= 0.999_5e-6 => (1e6, "µs"),
        _ => (1e9, "ns"),
    };
    format!("{} {unit}", digits(value * scale))
}

fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = value;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if scaled.abs() < 1023.5 {
            break;
        }
        scaled /= 1024.0;
        unit = larger;
    }
    format!("{} {unit}", digits(scaled))
}

/// `k` begins at `least`.
fn thousands(value: f64, least: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 999.5e6 => digits(value / 1e9) + "G",
        _ if size >= 999.5e3 => digits(value / 1e6) + "M",
        _ if size >= least => digits(value / 1e3) + "k",
        _ => digits(value),
    }
}

/// Three significant digits without an exponent where that stays readable; whole numbers keep all of theirs.
fn digits(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if size >= 99.95 => format!("{value:.0}"),
        _ if size >= 9.995 => format!("{value:.1}"),
        _ if size >= 0.9995 => format!("{value:.2}"),
        _ if size >= 0.1 => format!("{value:.3}"),
        _ if size >= 0.01 => format!("{value:.4}"),
        _ if size >= 0.001 => format!("{value:.5}"),
        _ if size == 0.0 => return "0".to_owned(),
        _ => return format!("{value:.2e}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
