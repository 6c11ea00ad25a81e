//! Where values lie and how far apart.

/// Sample quantile by linear interpolation (type 7 of Hyndman and Fan 1996, the default of R and NumPy).
///
/// `None` for no values, for a value that is not finite, or for a `quantile` outside 0 to 1.
pub fn quantile(values: &[f64], quantile: f64) -> Option<f64> {
    if values.is_empty() || values.iter().any(|value| !value.is_finite()) || !(0.0..=1.0).contains(&quantile) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(clippy::cast_precision_loss, reason = "sample sizes are far below 2^52")]
    let position = quantile * (sorted.len() - 1) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the length")]
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    let part = position - position.floor();
    let (low, high) = (sorted[below], sorted[above]);
    // From one end, so that rounding keeps the order of quantiles and equal values give themselves back; in halves where
    // the way between two huge values would overflow.
    let way = high - low;
    let between = if way.is_finite() { low + way * part } else { 2.0 * (low / 2.0 + (high / 2.0 - low / 2.0) * part) };
    Some(between.clamp(low, high))
}

/// Median; `None` for no values or one that is not finite.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Sample standard deviation (n − 1); `None` for fewer than two values or one that is not finite.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "sample sizes are far below 2^52")]
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (count - 1.0)).sqrt())
}

/// Median absolute deviation from the median, unscaled; `None` for no values or one that is not finite.
pub fn mad(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    median(&values.iter().map(|value| (value - middle).abs()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_type_7() {
        let values = [4.0, 1.0, 3.0, 2.0];
        // R: quantile(1:4, c(0, .1, .25, .5, .9, 1)) is 1.0 1.3 1.75 2.5 3.7 4.0.
        for (q, expected) in [(0.0, 1.0), (0.1, 1.3), (0.25, 1.75), (0.5, 2.5), (0.9, 3.7), (1.0, 4.0)] {
            assert!((quantile(&values, q).unwrap() - expected).abs() < 1e-12, "{q}");
        }
        assert_eq!(median(&[7.0]), Some(7.0));
    }

    #[test]
    fn spreads() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert!((standard_deviation(&values).unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(mad(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), Some(1.0));
    }

    #[test]
    fn what_has_no_answer() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, f64::NAN]), None);
        assert_eq!(quantile(&[1.0], 1.1), None);
        assert_eq!(standard_deviation(&[1.0]), None);
        assert_eq!(mad(&[f64::INFINITY]), None);
    }
}
