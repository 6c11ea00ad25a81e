//! Ratios and percentages in sentences.

/// `0.12×`; below 0.1 and with narrow intervals a digit more.
pub(super) fn ratio(value: f64) -> String {
    format!("{}×", digits(value))
}

/// `[0.09, 0.16]`.
pub(super) fn interval(low: f64, high: f64) -> String {
    format!("[{}, {}]", digits(low), digits(high))
}

fn digits(value: f64) -> String {
    match value {
        _ if value >= 99.5 => format!("{value:.0}"),
        _ if value >= 9.95 => format!("{value:.1}"),
        // Close to 1 the third decimal is what matters: [0.996, 0.999] must not read [1.00, 1.00].
        _ if (value - 1.0).abs() < 0.0095 && value != 1.0 => format!("{value:.3}"),
        _ if value >= 0.0995 => format!("{value:.2}"),
        _ if value >= 0.00995 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    }
}

/// `4 %`, `0.3 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if percent >= 9.95 => format!("{percent:.0} %"),
        _ if percent < 0.05 => "0.1 %".to_owned(),
        _ => format!("{} %", format!("{percent:.1}").trim_end_matches(".0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        assert_eq!(ratio(0.1234), "0.12×");
        assert_eq!(ratio(0.0123), "0.012×");
        assert_eq!(ratio(0.00001), "1.0e-5×");
        assert_eq!(ratio(12.34), "12.3×");
        assert_eq!(ratio(123.4), "123×");
        assert_eq!(interval(0.996, 0.999), "[0.996, 0.999]");
        assert_eq!(interval(1.0, 1.05), "[1.00, 1.05]");
        assert_eq!(percent(0.123), "12 %");
        assert_eq!(percent(0.00001), "0.1 %");
    }
}
