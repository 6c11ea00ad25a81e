//! Crossing probabilities of group-sequential tests, by recursive numerical integration (Armitage, McPherson and Rowe
//! 1969; Jennison and Turnbull 2000, chapter 19).
//!
//! Over looks the standardised signed-rank statistics behave like a Brownian motion seen at times of its information.
//! With E\[R_n R_m\] of the ranks of one difference among the first n and among m of them, their correlation is
//! √(f(n) / f(m)) with f(n) = n (2n + 1) / (n + 1): it factors, as a Brownian motion's must.

use super::normal::{density, upper_quantile, upper_tail};

/// Intervals of Simpson's rule over the region in which a test goes on; even.
const STEPS: usize = 256;
/// What stands for a boundary that cannot be crossed, in standard deviations.
const NEVER: f64 = 8.0;

/// Information that `pairs` pairs carry; only ratios of it matter.
#[allow(clippy::cast_precision_loss, reason = "sample sizes are far below 2^52")]
pub(super) fn information(pairs: usize) -> f64 {
    let count = pairs as f64;
    count * (2.0 * count + 1.0) / (count + 1.0)
}

/// Where a test stands that has not stopped: the distribution of its score over the region in which it goes on.
#[derive(Debug, Clone)]
pub(super) struct Ongoing {
    information: f64,
    /// Scores, and their density times the weight of the integration.
    mass: Vec<(f64, f64)>,
}

impl Ongoing {
    /// Before the first look.
    pub(super) fn new() -> Self {
        Self { information: 0.0, mass: vec![(0.0, 1.0)] }
    }

    /// Probability under the null hypothesis of coming here and then being beyond ±`z` at a look with `information`.
    pub(super) fn crossing(&self, information: f64, z: f64) -> f64 {
        let deviation = (information - self.information).sqrt();
        let edge = z * information.sqrt();
        let beyond = |score: f64| upper_tail((edge - score) / deviation) + upper_tail((edge + score) / deviation);
        self.mass.iter().map(|(score, mass)| mass * beyond(*score)).sum()
    }

    /// The two-sided level of a look at which the probability of [`Self::crossing`] is `probability`; 0 where that is 0.
    pub(super) fn level(&self, information: f64, probability: f64) -> f64 {
        if probability <= 0.0 {
            return 0.0;
        }
        let (mut low, mut high) = (0.0, 40.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.crossing(information, middle) > probability { low = middle } else { high = middle }
        }
        // From the side on which no more than `probability` is spent.
        2.0 * upper_tail(high)
    }

    /// After a look with `information` that did not reject at the two-sided `level`.
    #[allow(clippy::cast_precision_loss, reason = "a number of steps")]
    pub(super) fn after(&self, information: f64, level: f64) -> Self {
        let z = upper_quantile(level / 2.0).map_or(NEVER, |z| z.min(NEVER));
        let edge = z * information.sqrt();
        let deviation = (information - self.information).sqrt();
        let step = 2.0 * edge / STEPS as f64;
        let mass = (0..=STEPS)
            .map(|position| {
                let score = -edge + step * position as f64;
                let weight = match position {
                    0 | STEPS => 1.0,
                    odd if odd % 2 == 1 => 4.0,
                    _ => 2.0,
                };
                let here: f64 =
                    self.mass.iter().map(|(from, mass)| mass * density((score - from) / deviation)).sum::<f64>();
                (score, here / deviation * weight * step / 3.0)
            })
            .collect();
        Self { information, mass }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_at(z: f64) -> f64 {
        2.0 * upper_tail(z)
    }

    /// Constant boundaries for five equally spaced looks at two-sided .05 (Pocock 1977; Jennison and Turnbull 2000, table
    /// 2.1: 2.413), and O'Brien and Fleming's (table 2.3: 2.040 · √(5/k)).
    #[test]
    fn published_boundaries() {
        let total = |z: &dyn Fn(f64) -> f64| {
            let (mut ongoing, mut spent) = (Ongoing::new(), 0.0);
            for look in 1..=5 {
                let look = f64::from(look);
                spent += ongoing.crossing(look, z(look));
                ongoing = ongoing.after(look, level_at(z(look)));
            }
            spent
        };
        let pocock = total(&|_| 2.413);
        assert!((pocock - 0.05).abs() < 5e-5, "{pocock}");
        let fleming = total(&|look| 2.040 * (5.0 / look).sqrt());
        assert!((fleming - 0.05).abs() < 5e-5, "{fleming}");
    }

    /// O'Brien and Fleming type spending 2 − 2Φ(z_{α/2} / √t) on either side, five looks, α = .025 a side: Lan and DeMets
    /// 1983, as R's gsDesign and ldbounds print them.
    #[test]
    fn published_spending() {
        let published = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310];
        let (mut ongoing, mut spent) = (Ongoing::new(), 0.0);
        for (look, expected) in (1..).zip(published) {
            let time = f64::from(look) / 5.0;
            let target = 4.0 * upper_tail(2.241_402_727_604_947 / time.sqrt());
            let level = ongoing.level(f64::from(look), target - spent);
            let z = upper_quantile(level / 2.0).unwrap();
            assert!((z - expected).abs() < 1e-3, "look {look}: {z}");
            spent += ongoing.crossing(f64::from(look), z);
            ongoing = ongoing.after(f64::from(look), level);
        }
        assert!((spent - 0.05).abs() < 1e-9);
    }

    #[test]
    fn what_does_not_stop_goes_on() {
        let on = Ongoing::new().after(3.0, 0.02);
        let mass: f64 = on.mass.iter().map(|(_, mass)| mass).sum();
        assert!((mass - 0.98).abs() < 1e-9, "{mass}");
        let never = Ongoing::new().after(3.0, 0.0);
        let mass: f64 = never.mass.iter().map(|(_, mass)| mass).sum();
        assert!((mass - 1.0).abs() < 1e-9, "{mass}");
        assert_eq!(never.level(6.0, 0.0), 0.0);
    }
}
