//! Whether a number rises all the time: of what never ends, and not of what warms up, or comes and goes.

/// Every third of the rest must have this part of an even share of that: who warms up does so at first.
const STEADY: f64 = 0.5;

/// By how much a number of these moments (seconds, count) rose after the first quarter of their time, and in how many seconds;
/// `None` where it comes to rest, or there are none.
pub(super) fn steadily(counts: &[(f64, u64)]) -> Option<(u64, f64)> {
    let (begin, end) = (counts.first()?.0, counts.last()?.0);
    let count_at = |part: f64| {
        let at_s = begin + part * (end - begin);
        counts.iter().rev().find(|(moment, _)| *moment <= at_s + 1e-9).map_or(0, |(_, count)| *count)
    };
    let quarters = [count_at(0.25), count_at(0.5), count_at(0.75), count_at(1.0)];
    let grown = quarters[3].saturating_sub(quarters[0]);
    #[allow(clippy::cast_precision_loss, reason = "what one program has")]
    let steady = quarters.windows(2).all(|pair| pair[1].saturating_sub(pair[0]) as f64 >= STEADY * grown as f64 / 3.0);
    (grown > 0 && steady).then_some((grown, 0.75 * (end - begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: impl Fn(u64) -> u64) -> Option<u64> {
        #[allow(clippy::cast_precision_loss, reason = "a few moments")]
        let counts: Vec<(f64, u64)> = (0..40).map(|n| (n as f64 * 0.2, count(n))).collect();
        steadily(&counts).map(|(grown, _)| grown)
    }

    #[test]
    fn what_rises_in_every_quarter_grows_and_what_comes_to_rest_does_not() {
        assert_eq!(of(|n| 5 + 10 * n), Some(300));
        assert_eq!(of(|n| (30 * n).min(400)), None);
        assert_eq!(of(|n| 100 + 60 * (n % 5)), None);
        assert_eq!(of(|_| 7), None);
        assert_eq!(steadily(&[]), None);
    }
}
