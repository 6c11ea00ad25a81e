//! A rate that changes over time: how much of the load is due by when, and when so much of it is.

use scenarios::spec::Stage;

/// The integral of a piecewise linear rate, to be looked up both ways.
#[derive(Debug, Clone)]
pub(super) struct Intensity(Vec<Piece>);

/// One stage.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// Seconds before it.
    start_s: f64,
    span_s: f64,
    /// Operations per second at its begin.
    from: f64,
    /// By how much that grows each second.
    slope: f64,
    /// Operations due before it.
    before: f64,
    /// Operations due within it.
    within: f64,
}

impl Intensity {
    pub(super) fn new(stages: &[Stage]) -> Self {
        let (mut start_s, mut before) = (0.0, 0.0);
        let piece = |stage: &Stage| {
            let span_s = stage.span.as_secs_f64();
            let within = stage.operations();
            let piece =
                Piece { start_s, span_s, from: stage.from, slope: (stage.to - stage.from) / span_s, before, within };
            start_s += span_s;
            before += within;
            piece
        };
        Self(stages.iter().map(piece).collect())
    }

    /// Operations due in all.
    pub(super) fn total(&self) -> f64 {
        self.0.last().map_or(0.0, |last| last.before + last.within)
    }

    /// Length of all stages, seconds.
    pub(super) fn length_s(&self) -> f64 {
        self.0.last().map_or(0.0, |last| last.start_s + last.span_s)
    }

    /// When so many operations were due, seconds: the inverse of the integral (Çinlar 1975, of a Poisson process whose
    /// rate changes). Of times when nothing is due it gives the last.
    pub(super) fn when(&self, due: f64) -> f64 {
        let index = self.0.partition_point(|piece| piece.before <= due && piece.before + piece.within <= due);
        let Some(piece) = self.0.get(index).or(self.0.last()) else { return 0.0 };
        let here = (due - piece.before).clamp(0.0, piece.within);
        // The root of from·t + slope/2·t² = here in the form that does not cancel where slope is small.
        let speed = (piece.from * piece.from + 2.0 * piece.slope * here).max(0.0).sqrt();
        let divisor = piece.from + speed;
        let after_s = if divisor > 0.0 { 2.0 * here / divisor } else { 0.0 };
        piece.start_s + after_s.min(piece.span_s)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn stage(from: f64, to: f64, seconds: f64) -> Stage {
        Stage { from, to, span: Duration::from_secs_f64(seconds) }
    }

    #[test]
    fn a_ramp_from_nothing_is_a_square_root() {
        let ramp = Intensity::new(&[stage(0.0, 100.0, 2.0)]);
        assert_eq!((ramp.total(), ramp.length_s()), (100.0, 2.0));
        for (due, when) in [(0.0, 0.0), (25.0, 1.0), (100.0, 2.0)] {
            assert!((ramp.when(due) - when).abs() < 1e-12, "{due}: {}", ramp.when(due));
        }
    }

    #[test]
    fn a_stage_without_load_is_leapt_over() {
        let gap = Intensity::new(&[stage(10.0, 10.0, 1.0), stage(0.0, 0.0, 5.0), stage(10.0, 10.0, 1.0)]);
        assert!((gap.when(9.0) - 0.9).abs() < 1e-12);
        assert!((gap.when(11.0) - 6.1).abs() < 1e-12);
    }

    /// By the trapezoid rule, in small steps.
    fn integral(stages: &[Stage], until_s: f64) -> f64 {
        let (mut sum, mut start) = (0.0, 0.0);
        for stage in stages {
            let span = stage.span.as_secs_f64();
            let inside = (until_s - start).clamp(0.0, span);
            let end_rate = stage.from + (stage.to - stage.from) * inside / span;
            sum += (stage.from + end_rate) / 2.0 * inside;
            start += span;
        }
        sum
    }

    proptest! {
        #[test]
        fn it_is_the_inverse_of_the_integral(
            rates in prop::collection::vec((0.0_f64..5000.0, 0.0_f64..5000.0, 0.01_f64..100.0), 1..6),
            share in 0.0_f64..1.0,
        ) {
            let stages: Vec<Stage> = rates.iter().map(|(from, to, seconds)| stage(*from, *to, *seconds)).collect();
            let intensity = Intensity::new(&stages);
            let due = intensity.total() * share;
            let when = intensity.when(due);
            prop_assert!((0.0..=intensity.length_s() + 1e-9).contains(&when));
            prop_assert!((integral(&stages, when) - due).abs() <= 1e-6 * intensity.total().max(1.0), "{when}");
        }
    }
}
