//! Values with units, as people write them in limits.

/// Units that a limit may use, by the unit of its metric: spelling and factor.
pub(super) fn units(unit: &str) -> &'static [(&'static str, f64)] {
    match unit {
        "s" | "s/op" => &[("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)],
        "B" | "B/op" => &[
            ("B", 1.0),
            ("KiB", 1024.0),
            ("MiB", 1_048_576.0),
            ("GiB", 1_073_741_824.0),
            ("kB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
        ],
        "ops/s" => &[("", 1.0), ("/s", 1.0), ("ops/s", 1.0), ("k", 1e3), ("k/s", 1e3)],
        "1" => &[("%", 0.01), ("", 1.0)],
        _ => &[("", 1.0)],
    }
}

/// The unit that a message suggests.
pub(super) fn example(unit: &str) -> &'static str {
    match unit {
        "s" | "s/op" => "5ms",
        "B" | "B/op" => "200MiB",
        "ops/s" => "5000",
        "1" => "0.1%",
        _ => "10",
    }
}

/// Splits `12.5ms` into its number and what follows.
pub(super) fn split(text: &str) -> (&str, &str) {
    let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_' | '+' | '-');
    let mut end = text.find(|c| !number(c)).unwrap_or(text.len());
    // `1e-3`: an exponent belongs to the number, the `e` of a unit does not.
    if let Some(rest) = text[end..].strip_prefix(['e', 'E']) {
        let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        if digits.starts_with(|c: char| c.is_ascii_digit()) {
            let more = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            end = text.len() - digits.len() + more;
        }
    }
    (&text[..end], text[end..].trim_start())
}
