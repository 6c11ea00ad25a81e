//! A ratio and its interval against 1.0.

use super::canvas::Canvas;

const WIDTH: f64 = 132.0;
const HEIGHT: f64 = 18.0;

/// Widest factor drawn; what lies beyond ends in an arrow.
const LIMIT: f64 = 16.0;

/// Factor at the ends of the scale, one for all pictures of a table so that lengths compare: the furthest end of any
/// interval, at least 1.1 and at most 16.
pub(crate) fn reach(intervals: impl Iterator<Item = [f64; 3]>) -> f64 {
    intervals.flatten().map(|value| value.max(value.recip())).fold(1.1, f64::max).min(LIMIT) * 1.04
}

/// A bar from `low` to `high` with a stroke at `ratio` on a log scale from 1/`reach` to `reach`; the line in the middle is 1.0.
pub(crate) fn svg([low, ratio, high]: [f64; 3], reach: f64, verdict_class: &str, label: &str) -> String {
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let middle = HEIGHT / 2.0;
    let inner = WIDTH / 2.0 - 6.0;
    let x = |value: f64| WIDTH / 2.0 + inner * (value.ln() / reach.ln()).clamp(-1.0, 1.0);
    canvas.line("track", (6.0, middle), (WIDTH - 6.0, middle));
    canvas.line("one", (WIDTH / 2.0, 0.0), (WIDTH / 2.0, HEIGHT));
    // A bar thinner than two pixels would not be seen.
    let width = (x(high) - x(low)).max(2.0);
    canvas.rect("bar", (x(low), middle - 4.0), (width, 8.0));
    for (end, outside, step) in [(x(low), low * reach < 1.0, -5.0), (x(high), high > reach, 5.0)] {
        if outside {
            canvas.path("arrow", &[(end, middle - 4.0), (end + step, middle), (end, middle + 4.0)]);
        }
    }
    if (reach.recip()..=reach).contains(&ratio) {
        canvas.line("mid", (x(ratio), middle - 6.0), (x(ratio), middle + 6.0));
    }
    canvas.finish(&format!("interval {verdict_class}"), label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_covers_what_it_can() {
        assert!((reach([[0.5, 0.6, 0.7]].into_iter()) - 2.08).abs() < 1e-9);
        assert!((reach([[0.001, 0.6, 0.7]].into_iter()) - 16.64).abs() < 1e-9);
        assert!(reach(std::iter::empty()) > 1.1);
    }

    #[test]
    fn ends_beyond_the_scale_get_an_arrow() {
        assert!(svg([0.001, 0.6, 0.7], 16.0, "improved", "").contains("arrow"));
        assert!(!svg([0.5, 0.6, 0.7], 16.0, "improved", "").contains("arrow"));
    }
}
