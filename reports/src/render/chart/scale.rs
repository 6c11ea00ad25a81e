//! From values to pixels.

/// A scale from `low..high` to `from..to` pixels, linear or logarithmic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// A linear scale; an empty range is widened.
    pub(super) fn linear(low: f64, high: f64, from: f64, to: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, from, to, log: false }
    }

    /// A logarithmic scale over the positive values with a little room at both ends; `None` without positive values.
    pub(super) fn log_over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let (low, high) = bounds(values.filter(|value| *value > 0.0))?;
        let room = (high / low).powf(0.06).max(1.15);
        Some(Self { low: low / room, high: high * room, from, to, log: true })
    }

    /// Pixel of a value; values outside land outside.
    pub(super) fn at(&self, value: f64) -> f64 {
        let part = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + part * (self.to - self.from)
    }

    /// Round values to label, four to nine of them where the range allows.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if !self.log {
            return self.linear_ticks();
        }
        let ticks = self.log_ticks();
        // Within a fraction of a decade powers of ten say nothing.
        if ticks.len() < 3 { self.linear_ticks() } else { ticks }
    }

    fn log_ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let steps: &[f64] = match decades {
            d if d <= 0.7 => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
            d if d <= 1.1 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            d if d <= 2.6 => &[1.0, 2.0, 5.0],
            d if d <= 3.6 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        (first..=last)
            .flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)))
            .filter(|tick| (self.low..=self.high).contains(tick))
            .collect()
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let span = self.high - self.low;
        let rough = span / 6.0;
        let unit = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|factor| factor * unit).into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last).map(|index| index as f64 * step).collect()
    }
}

/// Smallest and largest finite value.
pub(super) fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |bounds, value| match bounds {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(Scale::linear(0.0, 1.0, 0.0, 100.0).ticks(), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        let scale = Scale::log_over([0.001, 0.1].into_iter(), 0.0, 100.0).expect("positive values");
        let ticks: Vec<_> = scale.ticks().iter().map(|tick| (tick * 1e6).round()).collect();
        assert_eq!(ticks, [1000.0, 2000.0, 5000.0, 10_000.0, 20_000.0, 50_000.0, 100_000.0]);
    }

    #[test]
    fn a_narrow_log_scale_still_has_ticks() {
        let scale = Scale::log_over([40e-6, 42e-6].into_iter(), 0.0, 100.0).expect("positive values");
        assert!(scale.ticks().len() >= 3, "{:?}", scale.ticks());
    }

    #[test]
    fn without_positive_values_there_is_no_log_scale() {
        assert!(Scale::log_over([0.0, -1.0, f64::NAN].into_iter(), 0.0, 1.0).is_none());
    }

    proptest! {
        #[test]
        fn values_and_ticks_stay_inside(values in proptest::collection::vec(1e-9f64..1e6, 1..20)) {
            let scale = Scale::log_over(values.iter().copied(), 10.0, 110.0).expect("positive values");
            for value in values.iter().copied().chain(scale.ticks()) {
                prop_assert!((10.0 - 1e-6..=110.0 + 1e-6).contains(&scale.at(value)));
            }
        }

        #[test]
        fn few_ticks(low in -1e3f64..1e3, span in 1e-3f64..1e6) {
            let ticks = Scale::linear(low, low + span, 0.0, 1.0).ticks();
            prop_assert!((2..=9).contains(&ticks.len()), "{ticks:?}");
        }
    }
}
